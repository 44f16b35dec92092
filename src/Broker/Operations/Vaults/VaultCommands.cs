using System.CommandLine;
using TokenBroker.Custody.Vaults;
using TokenBroker.Storage;

namespace TokenBroker.Operations.Vaults;

/// <summary><c>vault status|rotate|rewrap|retire</c>: the life of the key that wraps all others.</summary>
internal static class VaultCommands
{
    public static Command Create(string[] configuration)
    {
        var json = new Option<bool>("--json") { Description = "Print JSON. Progress goes to the error stream in any case." };

        var countsOnly = new Option<bool>("--counts") { Description = "Count only: ask the vault for its versions, and try no record." };
        var status = new Command(
            "status",
            "Show the versions of the vault's key and how many records each wraps, and try whether every data key unwraps. No secret is opened. "
            + "Ends with 1 where something cannot be opened.") { countsOnly, json };
        status.SetAction((result, cancellationToken) => WithVaultAsync(
            configuration, "The vault was not looked at",
            services => VaultStatus.RunAsync(services, result.GetValue(countsOnly), result.GetValue(json), cancellationToken), cancellationToken));

        var rotate = new Command(
            "rotate",
            "Make a new version of the vault's key. New data keys are wrapped with it; a running broker notices within 30 seconds. "
            + "What the old version wraps stays there until 'vault rewrap'.") { json };
        rotate.SetAction((result, cancellationToken) => WithVaultAsync(
            configuration, "The vault's key was not rotated", services => RotateCommand.RunAsync(services, result.GetValue(json), cancellationToken), cancellationToken));

        var rewrap = new Command(
            "rewrap",
            "Move every data key to the current version, or to the vault under Vault from those under Vault:Previous. No secret is opened; the broker "
            + "may serve meanwhile. It can be stopped or killed at any point: run it again, and it goes on. Ends with 1 where a record could not be moved.") { json };
        rewrap.SetAction((result, cancellationToken) => WithVaultAsync(
            configuration, "The rewrap stopped; run it again, and it goes on",
            services => RewrapCommand.RunAsync(services, result.GetValue(json), cancellationToken), cancellationToken));

        var kekId = new Argument<string>("version") { Description = "The version's full id, as 'vault status' shows it." };
        var yes = new Option<bool>("--yes") { Description = "Do not ask. Needed where nobody can be asked." };
        var retire = new Command(
            "retire",
            "Switch an old version off for good. Refused while any record is under it. Backups that were made before the rewrap never open again.") { kekId, yes, json };
        retire.SetAction((result, cancellationToken) => WithVaultAsync(
            configuration, "The version was not retired",
            services => RetireCommand.RunAsync(services, result.GetRequiredValue(kekId), result.GetValue(yes), result.GetValue(json), cancellationToken), cancellationToken));

        return new Command("vault", "The vault's key, which wraps the data keys of all records: look, rotate, rewrap, retire.") { status, rotate, rewrap, retire };
    }

    private static Task<int> WithVaultAsync(string[] configuration, string failed, Func<IServiceProvider, Task<int>> work, CancellationToken cancellationToken) =>
        CommandLine.ExplainAsync(
            failed,
            async () =>
            {
                await using var app = BrokerApplication.Create(configuration);
                await using var scope = app.Services.CreateAsyncScope();
                await CommandLine.RequireDatabaseAsync(scope.ServiceProvider, cancellationToken);
                await RequireMigratedAsync(scope.ServiceProvider, cancellationToken);
                LocalVaultFile.RequireThere(scope.ServiceProvider);
                try
                {
                    return await work(scope.ServiceProvider);
                }
                catch (Exception exception) when (exception is VaultUnavailableException or VaultRefusedException)
                {
                    throw new InvalidOperationException(exception.Message, exception);
                }
                catch (OperationCanceledException exception) when (cancellationToken.IsCancellationRequested)
                {
                    throw new InvalidOperationException("Interrupted.", exception);
                }
            });

    private static async Task RequireMigratedAsync(IServiceProvider services, CancellationToken cancellationToken)
    {
        if (await services.GetRequiredService<BrokerDbContext>().HasPendingMigrationsAsync(cancellationToken))
        {
            throw new InvalidOperationException("The database is of an earlier version. Start the broker once, or run 'migrate'.");
        }
    }
}
