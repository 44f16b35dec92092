using TokenBroker.Operations;

return await CommandLine.RunAsync(args);
