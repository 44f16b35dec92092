using TokenBroker.Bench.Load;
using TokenBroker.Bench.Parties;
using TokenBroker.Bench.Processes;
using TokenBroker.Bench.Reports;

namespace TokenBroker.Bench.Measures;

/// <summary>
/// The token endpoint: clients that refresh as fast as they are answered, each with a grant of its own and the refresh
/// token that it got last, at the broker and at stock OpenIddict.
/// </summary>
internal static class Refreshes
{
    public const string Title = "Refresh grants";
    private const int Clients = 8;
    private static readonly TimeSpan Before = TimeSpan.FromMilliseconds(100);

    public static async Task RunAsync(Field field, BenchOptions options, Findings findings, CancellationToken cancellationToken)
    {
        var party = new StockParty(field.Directory, "stock");
        await using var stock = await party.StartAsync(cancellationToken);
        Server[] servers =
        [
            new(Names.Broker, field.Broker.Port, field[Names.Broker].Processes[0], new Tokens[Clients]),
            new(Names.Stock, party.Port, stock, new Tokens[Clients]),
        ];
        for (var client = 0; client < Clients; client++)
        {
            servers[0].Chains[client] = await field.Broker.ConnectSomebodyAsync(cancellationToken);
            servers[1].Chains[client] = await party.ConnectSomebodyAsync(cancellationToken);
        }

        var results = servers.ToDictionary(server => server.Name, _ => new List<(Slice Slice, double Cpu)>());
        for (var round = -4; round < options.Rounds; round++)
        {
            foreach (var server in servers.Rotated(round + 4))
            {
                var cpu = server.Process.Cpu();
                var slice = await ClosedLoop.RunAsync(
                    server.Port, Clients, server.Refresh, Before, round < 0 ? options.WarmUp : options.Slice, cancellationToken);
                if (round >= 0)
                {
                    results[server.Name].Add((slice, (server.Process.Cpu() - cpu).TotalMicroseconds / Math.Max(1, slice.AllCalls)));
                }
            }
        }

        Report(findings, results);
    }

    private static void Report(Findings findings, Dictionary<string, List<(Slice Slice, double Cpu)>> results)
    {
        var at = $"{Clients} clients";
        foreach (var (name, rounds) in results)
        {
            findings.Add(Title, at, name, "grants/s", rounds.Select(round => round.Slice.PerSecond));
            findings.Add(Title, at, name, "p50 us", rounds.Select(round => round.Slice.At(0.5)));
            findings.Add(Title, at, name, "p99 us", rounds.Select(round => round.Slice.At(0.99)));
            findings.Add(Title, at, name, "CPU us", rounds.Select(round => round.Cpu));
            var errors = rounds.Sum(round => round.Slice.Errors);
            if (errors > 0)
            {
                findings.Notes.Add($"{errors} refreshes at {name} failed: its figures there are void.");
            }
        }

        findings.Compare(Title, at, "grants/s", Names.Stock, "x openiddict", (one, other) => one / other);
        findings.Compare(Title, at, "CPU us", Names.Stock, "CPU x openiddict", (one, other) => one / other);
        findings.AtLeast(5, Title, at, Names.Broker, "x openiddict", "refresh grants against stock OpenIddict", "");
    }

    private sealed record Server(string Name, int Port, Running Process, Tokens[] Chains)
    {
        public bool Refresh(Connection connection, int client)
        {
            if (connection.Call(OAuthApp.Refresh(Port, Chains[client].Refresh)) != 200)
            {
                return false;
            }

            Chains[client] = OAuthApp.Read(connection.Body);
            return true;
        }
    }
}
