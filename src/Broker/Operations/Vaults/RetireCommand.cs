using System.Text.Json;

namespace TokenBroker.Operations.Vaults;

/// <summary><c>vault retire</c>: asks, waits, and retires.</summary>
internal static class RetireCommand
{
    public static async Task<int> RunAsync(IServiceProvider services, string kekId, bool yes, bool json, CancellationToken cancellationToken)
    {
        var retire = ActivatorUtilities.CreateInstance<RetireKek>(services);
        await retire.RequireUnusedAsync(kekId, cancellationToken);
        if (!yes && !IsConfirmed(kekId))
        {
            return 1;
        }

        using (var progress = new ProgressLine("No record is under it. Until running brokers have noticed, seconds", services.GetRequiredService<TimeProvider>()))
        {
            await retire.RunAsync(
                kekId, (passed, wait) => progress.Show((long)passed.TotalSeconds, (long)Math.Ceiling(wait.TotalSeconds)), cancellationToken);
        }

        Console.WriteLine(json
            ? JsonSerializer.Serialize(new { retired = kekId })
            : $"{kekId} is retired. Backups that were made before the rewrap do not open any more: make a new one now.");
        return 0;
    }

    private static bool IsConfirmed(string kekId)
    {
        if (Console.IsInputRedirected)
        {
            throw new InvalidOperationException("Give --yes: there is nobody here to ask.");
        }

        Console.Error.Write($"Retire {kekId} for good? Backups that were made before the rewrap never open again. Type yes: ");
        if (string.Equals(Console.ReadLine()?.Trim(), "yes", StringComparison.OrdinalIgnoreCase))
        {
            return true;
        }

        Console.Error.WriteLine("Nothing was changed.");
        return false;
    }
}
