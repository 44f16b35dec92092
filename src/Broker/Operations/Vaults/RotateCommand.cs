using System.Text.Json;
using TokenBroker.Audit;
using TokenBroker.Custody.Vaults;
using TokenBroker.Storage;

namespace TokenBroker.Operations.Vaults;

/// <summary><c>vault rotate</c>.</summary>
internal static class RotateCommand
{
    public static async Task<int> RunAsync(IServiceProvider services, bool json, CancellationToken cancellationToken)
    {
        var vault = services.GetRequiredService<Vault>();
        var before = await vault.CurrentKeyIdAsync(cancellationToken);
        var made = await RotateAsync(services, before, cancellationToken);
        Console.WriteLine(json
            ? JsonSerializer.Serialize(new { version = made, previous = before })
            : $"""
               The current version is now {made}.
               A running broker uses it within {Vault.NoticesRotationWithin.TotalSeconds:0} seconds. Everything older still opens by {before}.
               Next: wait until then, run 'vault rewrap', and once nothing is left, 'vault retire {before}'.
               """);
        return 0;
    }

    private static async Task<string> RotateAsync(IServiceProvider services, string before, CancellationToken cancellationToken)
    {
        var vault = services.GetRequiredService<Vault>();
        var db = services.GetRequiredService<BrokerDbContext>();
        var audit = services.GetRequiredService<AuditLog>();
        string? made = null;
        try
        {
            await db.InTransactionAsync(
                async () =>
                {
                    made = await vault.Main.RotateAsync(cancellationToken);
                    await audit.RecordAsync(
                        KekEvents.Rotated, KekEvents.Actor, KekEvents.TargetOf(made), null, new { vault = vault.Main.Kind, previous = before }, CancellationToken.None);
                },
                cancellationToken);
        }
        catch (System.Data.Common.DbException exception) when (made is not null)
        {
            throw new InvalidOperationException($"The vault's key was rotated to {made}, but that could not be recorded in the audit log: {exception.Message}", exception);
        }

        return made!;
    }
}
