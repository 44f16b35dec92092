using TokenBroker.Samples.Quickstart;

return await QuickstartCommand.RunAsync(args);
