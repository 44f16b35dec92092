using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Text;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Custody.Canary;

/// <summary>
/// Every byte that the broker lets out, by place: responses, logs, files, activities and metrics. It listens from its
/// creation on, to all sources of this process.
/// </summary>
internal sealed class Evidence : IDisposable
{
    private readonly ConcurrentQueue<(string Place, byte[] Bytes)> _kept = new();
    private readonly ActivityListener _activities;
    private readonly MeterListener _meters;

    public Evidence()
    {
        _activities = new ActivityListener
        {
            ShouldListenTo = _ => true,
            Sample = (ref _) => ActivitySamplingResult.AllDataAndRecorded,
            SampleUsingParentId = (ref _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = Keep,
        };
        ActivitySource.AddActivityListener(_activities);
        _meters = new MeterListener { InstrumentPublished = (instrument, listener) => listener.EnableMeasurementEvents(instrument) };
        _meters.SetMeasurementEventCallback<byte>((i, m, tags, _) => Keep(i, tags));
        _meters.SetMeasurementEventCallback<short>((i, m, tags, _) => Keep(i, tags));
        _meters.SetMeasurementEventCallback<int>((i, m, tags, _) => Keep(i, tags));
        _meters.SetMeasurementEventCallback<long>((i, m, tags, _) => Keep(i, tags));
        _meters.SetMeasurementEventCallback<float>((i, m, tags, _) => Keep(i, tags));
        _meters.SetMeasurementEventCallback<double>((i, m, tags, _) => Keep(i, tags));
        _meters.SetMeasurementEventCallback<decimal>((i, m, tags, _) => Keep(i, tags));
        _meters.Start();
    }

    /// <summary>Settings under which the captured log has what any part would log, had the operator turned it all on.</summary>
    public static Dictionary<string, string> LogEverything => new() { ["Logging:TokenBroker.Tests.Host.LogCapture:LogLevel:Default"] = "Trace" };

    public IEnumerable<string> Places => _kept.Select(k => k.Place.Split(':')[0]).Distinct();

    public void Keep(string place, string text) => _kept.Enqueue((place, Encoding.UTF8.GetBytes(text)));

    public void Keep(string place, byte[] bytes) => _kept.Enqueue((place, bytes));

    /// <summary>Headers, trailers and body; of a body that breaks off or stands still, what came of it.</summary>
    public async Task<HttpResponseMessage> KeepAsync(string place, HttpResponseMessage response, TimeSpan? patience = null)
    {
        Keep(place, $"{(int)response.StatusCode} {response.ReasonPhrase}\n{response.Headers}{response.Content.Headers}");
        using var body = new MemoryStream();
        using var limit = new CancellationTokenSource(patience ?? TimeSpan.FromSeconds(20));
        try
        {
            await response.Content.CopyToAsync(body, limit.Token);
            Keep(place, response.TrailingHeaders.ToString());
        }
        catch (Exception exception) when (exception is IOException or HttpRequestException or OperationCanceledException)
        {
            Keep(place, exception.ToString());
        }

        Keep(place, body.ToArray());
        return response;
    }

    public void KeepBrowser(Person person)
    {
        foreach (var text in person.Received)
        {
            Keep("browser", text);
        }

        foreach (System.Net.Cookie cookie in person.Cookies.GetAllCookies())
        {
            Keep("browser: cookie", $"{cookie.Name}={cookie.Value}");
        }
    }

    /// <summary>What a proxy on the way to the broker could keep.</summary>
    public void KeepRequests(Person person)
    {
        foreach (var text in person.Sent)
        {
            Keep("request", text);
        }
    }

    /// <param name="broker">Whose log.</param>
    /// <param name="from">How many lines were there before there was a key.</param>
    public void KeepLog(BrokerHost broker, int from = 0)
    {
        foreach (var line in broker.Log.Lines.Skip(from))
        {
            Keep("log: " + string.Join(' ', line.Split(' ').Take(2)), line);
        }
    }

    /// <summary>The files, and on PostgreSQL the tables.</summary>
    public async Task KeepStoredAsync(BrokerHost broker)
    {
        foreach (var (name, bytes) in await DataFiles.AllOfAsync(broker))
        {
            Keep(name, bytes);
        }
    }

    /// <summary>Where the key is, and how it is written there.</summary>
    public IReadOnlyList<string> HitsOf(KeySearch search) =>
        [.. _kept.Select(kept => (kept.Place, Form: search.Find(kept.Bytes))).Where(hit => hit.Form is not null).Select(hit => $"{hit.Place} ({hit.Form})").Distinct()];

    public void Dispose()
    {
        _activities.Dispose();
        _meters.Dispose();
    }

    private void Keep(Activity activity)
    {
        var text = new StringBuilder($"{activity.Source.Name} {activity.OperationName} {activity.DisplayName} {activity.StatusDescription}");
        foreach (var (name, value) in activity.TagObjects.Concat(activity.Baggage.Select(b => KeyValuePair.Create(b.Key, (object?)b.Value))))
        {
            text.Append(System.Globalization.CultureInfo.InvariantCulture, $" {name}={value}");
        }

        foreach (var occurred in activity.Events)
        {
            text.Append(occurred.Name).AppendJoin(' ', occurred.Tags.Select(t => $"{t.Key}={t.Value}"));
        }

        Keep("activity", text.ToString());
    }

    private void Keep(Instrument instrument, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        var text = new StringBuilder(instrument.Name);
        foreach (var (name, value) in tags)
        {
            text.Append(System.Globalization.CultureInfo.InvariantCulture, $" {name}={value}");
        }

        Keep("metric", text.ToString());
    }
}
