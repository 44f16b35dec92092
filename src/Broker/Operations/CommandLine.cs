using System.CommandLine;
using System.CommandLine.Invocation;
using System.Data.Common;
using System.Security.Cryptography;
using System.Text.RegularExpressions;
using Microsoft.Extensions.Options;
using TokenBroker.Audit;
using TokenBroker.Operations.Backups;
using TokenBroker.Operations.Credit;
using TokenBroker.Operations.Prices;
using TokenBroker.Operations.Safety;
using TokenBroker.Operations.Vaults;
using TokenBroker.Storage;

namespace TokenBroker.Operations;

/// <summary>The command line: <c>serve</c> (the default), <c>migrate</c>, <c>audit verify</c>, and a command for each of what operators look after.</summary>
internal static partial class CommandLine
{
    public static async Task<int> RunAsync(string[] args)
    {
        // "--Section:Key=value" is configuration for every command; the parser sees the rest, "--usd=5" among it.
        var options = OptionsOf(Tree([])).ToHashSet(StringComparer.Ordinal);
        var settings = args.ToLookup(arg => IsSetting(arg) && !options.Contains(arg[..arg.IndexOf('=', StringComparison.Ordinal)]));
        var parsed = Tree([.. settings[true]]).Parse([.. settings[false]]);
        if (parsed.Action is ParseErrorAction error)
        {
            return await ExplainAsync(parsed, error);
        }

        return await parsed.InvokeAsync();
    }

    private static RootCommand Tree(string[] configuration)
    {
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
            OperatorCommands.Create(configuration),
            CapCommands.Create(configuration),
            CreditCommands.Create(configuration),
            NodeCommands.Create(configuration),
            VaultCommands.Create(configuration),
            SafetyCommands.Create(configuration),
            BackupCommand.Create(configuration),
            RestoreCommand.Create(configuration),
            PriceCommands.Create(configuration),
        };
        root.SetAction((_, cancellationToken) => ServeAsync(configuration, cancellationToken));
        return root;
    }

    private static bool IsSetting(string arg) => arg.StartsWith("--", StringComparison.Ordinal) && arg.Contains('=', StringComparison.Ordinal);

    private static IEnumerable<string> OptionsOf(Command command) =>
        command.Options.SelectMany(option => option.Aliases.Prepend(option.Name)).Concat(command.Subcommands.SelectMany(OptionsOf));

    /// <summary>What is wrong with the words of a command. Its whole help behind that would push the complaint off the screen; the list of commands is shown where one is missing.</summary>
    private static async Task<int> ExplainAsync(ParseResult parsed, ParseErrorAction error)
    {
        var unknown = parsed.UnmatchedTokens.Where(token => token.StartsWith("--", StringComparison.Ordinal)).ToList();
        error.ShowHelp = parsed.CommandResult.Command.Subcommands.Count > 0 && unknown.Count == 0;
        var code = await parsed.InvokeAsync();
        if (unknown.Find(token => token.Contains(':', StringComparison.Ordinal)) is { } setting)
        {
            await Console.Error.WriteLineAsync($"A setting and its value are one word: {setting}=VALUE.");
        }
        else if (!error.ShowHelp)
        {
            await Console.Error.WriteLineAsync("--help behind the command tells what it takes.");
        }

        return code;
    }

    private static Task<int> ServeAsync(string[] configuration, CancellationToken cancellationToken) => ExplainAsync(
        "The broker did not start",
        async () =>
        {
            var dumps = CoreDumps.SwitchOff();

            // The host logs why it did not start, trace and all, in front of the line that says what to mend.
            var least = LogLevel.Critical;
            await using var app = BrokerApplication.Create(
                configuration, builder => builder.Logging.AddFilter("Microsoft.Extensions.Hosting.Internal.Host", level => level >= least));
            if (dumps is not null)
            {
                app.Logger.LogWarning("{Complaint}", dumps);
            }

            try
            {
                await app.StartAsync(cancellationToken);
            }
            catch
            {
                least = LogLevel.None;
                throw;
            }

            least = LogLevel.Information;
            await app.WaitForShutdownAsync(cancellationToken);
            return 0;
        });

    private static Task<int> MigrateAsync(string[] configuration, CancellationToken cancellationToken) => ExplainAsync(
        "The database was not brought up to date",
        async () =>
        {
            await using var app = BrokerApplication.Create(configuration);
            await app.Services.PrepareStorageAsync(cancellationToken);
            Console.WriteLine("The database is up to date.");
            return 0;
        });

    private static Task<int> VerifyAuditAsync(string[] configuration, bool json, CancellationToken cancellationToken) => ExplainAsync(
        "The audit log was not checked",
        async () =>
        {
            await using var app = BrokerApplication.Create(configuration);
            await using var scope = app.Services.CreateAsyncScope();
            await RequireDatabaseAsync(scope.ServiceProvider, cancellationToken);
            var (verified, brokenAt) = await scope.ServiceProvider.GetRequiredService<AuditLog>().VerifyAsync(cancellationToken);
            Console.WriteLine(json
                ? System.Text.Json.JsonSerializer.Serialize(new { verified, broken_at = brokenAt })
                : brokenAt is null ? $"{verified} events, the chain is whole." : $"The chain breaks at event {brokenAt}; {verified} before it are whole.");
            return brokenAt is null ? 0 : 1;
        });

    /// <summary>For a command that works on what is there: looking makes nothing.</summary>
    internal static async Task RequireDatabaseAsync(IServiceProvider services, CancellationToken cancellationToken)
    {
        var storage = services.GetRequiredService<IOptions<StorageOptions>>().Value;
        if (!await services.GetRequiredService<BrokerDbContext>().Database.CanConnectAsync(cancellationToken))
        {
            throw new InvalidOperationException(storage.IsPostgreSql
                ? "PostgreSQL does not answer, or has no such database. Look at Storage:ConnectionString, make the database with 'createdb', and its tables with 'migrate'."
                : "There is no database here. Give the --Storage:DataDirectory that the broker runs on, or make one with 'migrate'.");
        }
    }

    /// <summary>What an operator can mend is said in a line, with exit code 1. Anything else is a bug and keeps its trace.</summary>
    internal static async Task<int> ExplainAsync(string what, Func<Task<int>> command)
    {
        try
        {
            return await command();
        }
        catch (Exception exception) when (exception
            is InvalidOperationException or OptionsValidationException or KeyNotFoundException
            or CryptographicException or IOException or InvalidDataException or UnauthorizedAccessException or DbException)
        {
            await Console.Error.WriteLineAsync($"{what}: {WordsOf(exception)}");
            return 1;
        }
    }

    /// <summary>Without the framework's words around each complaint about a setting.</summary>
    private static string WordsOf(Exception exception) => exception is OptionsValidationException invalid
        ? string.Join(' ', invalid.Failures.Select(failure => AroundAComplaint().Replace(failure, "${complaint}")))
        : exception.Message;

    [GeneratedRegex("DataAnnotation validation failed for '[^']*' members: '[^']*' with the error: '(?<complaint>.*?)'\\.(; (?=DataAnnotation )|$)", RegexOptions.ExplicitCapture | RegexOptions.Singleline, matchTimeoutMilliseconds: 1_000)]
    private static partial Regex AroundAComplaint();
}
