using TokenBroker.Samples.SandboxUpstream;

if (args.Any(argument => argument is "--help" or "-h" or "-?"))
{
    await Console.Out.WriteLineAsync(SandboxApplication.Usage);
    return;
}

await using var app = SandboxApplication.Create(args);
await app.RunAsync();
