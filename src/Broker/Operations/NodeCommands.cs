using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using TokenBroker.Metering;
using TokenBroker.Storage;

namespace TokenBroker.Operations;

/// <summary><c>nodes list|reconcile</c>: the runs of the program that hold leases on budgets, and settling one that is gone for good.</summary>
internal static class NodeCommands
{
    /// <summary>A node that lives says so every few seconds.</summary>
    private static readonly TimeSpan Silence = TimeSpan.FromMinutes(1);

    public static Command Create(string[] configuration)
    {
        var json = new Option<bool>("--json") { Description = "Print JSON." };
        var list = new Command("list", "The nodes, when each was last seen, and what it has leased.") { json };
        list.SetAction((result, cancellationToken) => ListAsync(configuration, result.GetValue(json), cancellationToken));
        var node = new Argument<Guid>("node") { Description = "The node's id, as 'nodes list' shows it." };
        var reconcile = new Command("reconcile", "Settle a node that is gone for good. Without its file on this machine, all that it had leased counts as spent.") { node };
        reconcile.SetAction((result, cancellationToken) => ReconcileAsync(configuration, result.GetRequiredValue(node), cancellationToken));
        return new Command("nodes", "The brokers on this database, and the leases on budgets that they hold.") { list, reconcile };
    }

    private static Task<int> ListAsync(string[] configuration, bool json, CancellationToken cancellationToken) =>
        WithServicesAsync(configuration, async services =>
        {
            var db = services.GetRequiredService<BrokerDbContext>();
            var leased = await db.SpendLeases.AsNoTracking().Where(l => l.Kind == AccountKind.Grant).GroupBy(l => l.NodeId)
                .Select(l => new { l.Key, Micros = l.Sum(one => one.Micros) }).ToDictionaryAsync(l => l.Key, l => l.Micros, cancellationToken);
            var nodes = (await db.SpendNodes.AsNoTracking().OrderBy(n => n.StartedAt).ToListAsync(cancellationToken)).Select(n => new
            {
                node = n.Id,
                machine = n.Machine,
                started_at = n.StartedAt,
                seen_at = n.SeenAt,
                leased_micros = leased.GetValueOrDefault(n.Id),
            }).ToList();
            Console.WriteLine(json ? JsonSerializer.Serialize(new { nodes })
                : nodes.Count == 0 ? "No node has a lease, or runs."
                : string.Join(Environment.NewLine, nodes.Select(n => string.Create(
                    CultureInfo.InvariantCulture, $"{n.node} on {n.machine}, last seen {n.seen_at:u}: ${n.leased_micros / 1_000_000m} leased of grants"))));
        }, cancellationToken);

    private static Task<int> ReconcileAsync(string[] configuration, Guid node, CancellationToken cancellationToken) =>
        WithServicesAsync(configuration, async services =>
        {
            var seen = await services.GetRequiredService<BrokerDbContext>().SpendNodes.Where(n => n.Id == node).Select(n => (DateTime?)n.SeenAt).FirstOrDefaultAsync(cancellationToken)
                ?? throw new KeyNotFoundException($"There is no node {node}.");
            if (services.GetRequiredService<TimeProvider>().GetUtcNow().UtcDateTime - seen < Silence)
            {
                throw new InvalidOperationException($"Node {node} was seen less than a minute ago: it may live. Stop it, or wait.");
            }

            var settled = await services.GetRequiredService<Reconcile>().RunAsync(node, "operator:cli", cancellationToken);
            Console.WriteLine(settled is null ? "It was settled by somebody else." : string.Create(
                CultureInfo.InvariantCulture,
                $"Settled{(settled.Exact ? "" : ", without its file")}: ${settled.SpentMicros / 1_000_000m} of grants count as spent, ${settled.BackMicros / 1_000_000m} went back."));
        }, cancellationToken);

    private static Task<int> WithServicesAsync(string[] configuration, Func<IServiceProvider, Task> work, CancellationToken cancellationToken) => CommandLine.ExplainAsync(
        "The nodes were not listed or settled",
        async () =>
        {
            await using var app = BrokerApplication.Create(configuration);
            await using var scope = app.Services.CreateAsyncScope();
            await CommandLine.RequireDatabaseAsync(scope.ServiceProvider, cancellationToken);
            await work(scope.ServiceProvider);
            return 0;
        });
}
