using System.CommandLine;
using TokenBroker.Audit;
using TokenBroker.Storage;

namespace TokenBroker.Operations;

/// <summary>The command line: <c>serve</c> (the default), <c>migrate</c>, <c>audit verify</c>.</summary>
internal static class CommandLine
{
    public static async Task<int> RunAsync(string[] args)
    {
        // "--Section:Key=value" is configuration for every command; the parser sees the rest.
        var configuration = args.Where(arg => arg.StartsWith("--", StringComparison.Ordinal) && arg.Contains('=', StringComparison.Ordinal)).ToArray();
        var words = args.Except(configuration).ToArray();

        var serve = new Command("serve", "Run the broker. This is what happens without a command.");
        serve.SetAction((_, cancellationToken) => ServeAsync(configuration, cancellationToken));

        var migrate = new Command("migrate", "Create the database or bring its tables up to date, then end.");
        migrate.SetAction((_, cancellationToken) => MigrateAsync(configuration, cancellationToken));

        var json = new Option<bool>("--json") { Description = "Print JSON." };
        var verify = new Command("verify", "Check every row of the audit log against its hash chain.") { json };
        verify.SetAction((result, cancellationToken) => VerifyAuditAsync(configuration, result.GetValue(json), cancellationToken));

        var root = new RootCommand("TokenBroker: OAuth in front of people's own model-provider keys. Settings are given as --Section:Key=value, Section__Key in the environment, or appsettings.json.")
        {
            serve,
            migrate,
            new Command("audit", "The audit log.") { verify },
        };
        root.SetAction((_, cancellationToken) => ServeAsync(configuration, cancellationToken));
        return await root.Parse(words).InvokeAsync();
    }

    private static async Task<int> ServeAsync(string[] configuration, CancellationToken cancellationToken)
    {
        await using var app = BrokerApplication.Create(configuration);
        try
        {
            await app.RunAsync(cancellationToken);
            return 0;
        }
        catch (Exception exception) when (exception is InvalidOperationException or Microsoft.Extensions.Options.OptionsValidationException)
        {
            await Console.Error.WriteLineAsync($"The broker did not start: {exception.Message}");
            return 1;
        }
    }

    private static async Task<int> MigrateAsync(string[] configuration, CancellationToken cancellationToken)
    {
        await using var app = BrokerApplication.Create(configuration);
        await app.Services.PrepareStorageAsync(cancellationToken);
        Console.WriteLine("The database is up to date.");
        return 0;
    }

    private static async Task<int> VerifyAuditAsync(string[] configuration, bool json, CancellationToken cancellationToken)
    {
        await using var app = BrokerApplication.Create(configuration);
        await using var scope = app.Services.CreateAsyncScope();
        var (verified, brokenAt) = await scope.ServiceProvider.GetRequiredService<AuditLog>().VerifyAsync(cancellationToken);
        Console.WriteLine(json
            ? System.Text.Json.JsonSerializer.Serialize(new { verified, broken_at = brokenAt })
            : brokenAt is null ? $"{verified} events, the chain is whole." : $"The chain breaks at event {brokenAt}; {verified} before it are whole.");
        return brokenAt is null ? 0 : 1;
    }
}
