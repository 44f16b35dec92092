using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.IO.Compression;
using System.Net;
using System.Text;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Custody.Canary;

/// <summary>The search that finds nothing proves something only if it finds what is there.</summary>
[Trait("Checklist", "14")]
public sealed class Searching_for_a_key
{
    private readonly string _key = KeySearch.NewKey();

    [Fact]
    public void Finds_every_form_of_the_whole_key_wherever_it_stands()
    {
        var search = new KeySearch(_key);
        string[] shapes =
        [
            _key,
            new([.. _key.Reverse()]),
            Convert.ToHexString(Encoding.UTF8.GetBytes(_key)),
            Convert.ToHexStringLower(Encoding.UTF8.GetBytes(_key)),
            string.Concat(_key.Select(c => $"%{(int)c:X2}")),
            string.Concat(_key.Select(c => $"%{(int)c:x2}")),
            Uri.EscapeDataString("Bearer " + _key),
            string.Concat(_key.Select(c => $"\\u{(int)c:x4}")),
            string.Concat(_key.Select(c => $"\\u{(int)c:X4}")),
            Convert.ToBase64String(Encoding.UTF8.GetBytes(_key)),
            Convert.ToBase64String(Encoding.UTF8.GetBytes("x" + _key)),
            Convert.ToBase64String(Encoding.UTF8.GetBytes("Bearer " + _key + "\n")),
            Convert.ToBase64String(Encoding.UTF8.GetBytes($"user:{_key}")).Replace('+', '-').Replace('/', '_').TrimEnd('='),
        ];

        foreach (var shape in shapes)
        {
            search.Find(Encoding.UTF8.GetBytes($"before {shape} after")).Should().NotBeNull("{0} is there", shape);
        }

        search.Find([0, 255, 7, .. Encoding.Unicode.GetBytes(_key), 0]).Should().Be("UTF-16");
    }

    [Fact]
    public void Finds_twelve_characters_and_not_eleven()
    {
        var search = new KeySearch(_key);

        for (var at = _key.Length - 40; at + 12 <= _key.Length; at++)
        {
            search.Find(Encoding.UTF8.GetBytes($"***{_key.Substring(at, 12)}***")).Should().Be("plain");
            search.Find(Encoding.UTF8.GetBytes($"***{_key.Substring(at, 11)}***")).Should().BeNull();
        }
    }

    [Fact]
    public void Finds_it_inside_gzip()
    {
        using var packed = new MemoryStream();
        using (var zip = new GZipStream(packed, CompressionLevel.Optimal, leaveOpen: true))
        {
            zip.Write(Encoding.UTF8.GetBytes(new string('x', 500) + _key));
        }

        new KeySearch(_key).Find(packed.ToArray()).Should().Be("gzip of plain");
    }

    [Fact]
    public async Task Finds_it_in_every_place_that_is_looked_at()
    {
        using var evidence = new Evidence();
        await using var broker = await BrokerHost.StartAsync(Evidence.LogEverything);
        using var person = new Person(broker);
        person.Received.Add($"<input value='{_key}'>");
        person.Cookies.Add(new Cookie("planted", _key, "/", "localhost"));
        using var response = new HttpResponseMessage { Content = new StringContent(_key) };
        response.Headers.TryAddWithoutValidation("x-header", _key);
        using (await evidence.KeepAsync("app", response))
        {
        }

        broker.Services.GetRequiredService<ILoggerFactory>().CreateLogger("Microsoft.AspNetCore.Anything").LogTrace("A header: {Header}", _key);
        await broker.WithDatabaseAsync(db =>
        {
            db.AuditEvents.Add(new() { Sequence = 9999, At = DateTime.UnixEpoch, Action = "a", Actor = "b", Target = "c", Detail = _key, PreviousHash = [], Hash = [] });
            return db.SaveChangesAsync();
        });
        using (var source = new ActivitySource("planted"))
        using (var activity = source.StartActivity("call"))
        {
            activity!.SetTag("header", _key);
        }

        using (var meter = new Meter("planted"))
        {
            meter.CreateCounter<long>("calls").Add(1, KeyValuePair.Create<string, object?>("key", _key));
        }

        evidence.KeepBrowser(person);
        evidence.KeepLog(broker);
        await evidence.KeepStoredAsync(broker);

        var hits = evidence.HitsOf(new KeySearch(_key));
        hits.Should().Contain(["app (plain)", "browser (plain)", "browser: cookie (plain)", "log: Trace Microsoft.AspNetCore.Anything (plain)", "activity (plain)", "metric (plain)"])
            .And.Contain(hit => hit.StartsWith(PostgreSqlServer.IsForAll ? "table: audit_events" : "file: broker.db", StringComparison.Ordinal));
        evidence.HitsOf(new KeySearch(KeySearch.NewKey())).Should().BeEmpty("another key is nowhere");
    }
}
