using TokenBroker.Metering;
using TokenBroker.Upstreams;

namespace TokenBroker.Gateway;

/// <summary>
/// The money of a session, response by response. The invariant: no response begins unless its worst cost is claimed
/// from the budget. The app's own are claimed when it asks; where the provider responds by itself, a claim for the next
/// is held at all times, grows with what is said, and is taken anew when a response is done. Whatever began is settled:
/// at what the provider reports, or at an estimate that is never above its claim.
/// </summary>
internal sealed class SessionClaims(
    SessionTerms terms, ModelPrice price, SessionRows rows, BudgetLedger budgets, TimeProvider time) : IDisposable
{
    private const int MostAsides = 16;

    private readonly SemaphoreSlim _gate = new(1);
    private readonly SessionSettings _settings = new();
    private readonly Dictionary<string, long> _asked = [];
    private readonly List<(string EventId, OpenResponse Response)> _asidesAsked = [];
    private readonly List<OpenResponse> _asides = [];
    private readonly Transcripts _transcripts = new(terms);
    private Conversation _conversation = Conversation.Empty;
    private Claim? _next;
    private OpenResponse? _open;
    private readonly SessionPurse _purse = new(terms, budgets);

    public SessionTerms Terms => terms;

    /// <summary>Claims the first response: sessions begin with the provider listening.</summary>
    public async Task<GatewayError?> OpenAsync(CancellationToken cancellationToken) =>
        await GrowNextAsync(_conversation, cancellationToken) ? null : await ExhaustedAsync(cancellationToken);

    /// <summary>Claims what an event of the app's can cost, before it goes on.</summary>
    /// <returns>The refusal, and whether it ends the session.</returns>
    public async Task<(GatewayError? Refusal, bool Ends)> BeforeAsync(ClientEvent sent, CancellationToken cancellationToken)
    {
        await _gate.WaitAsync(cancellationToken);
        try
        {
            if (await terms.RenewAsync(cancellationToken) is { } ended)
            {
                return (ended, true);
            }

            var with = _conversation.With(sent);
            _settings.Ask(sent.Change);
            var refusal = sent is { CreatesResponse: true, IsAside: true } ? await AskAsideAsync(sent, with, cancellationToken)
                : sent.CreatesResponse ? await AskResponseAsync(sent, with, cancellationToken)
                : (!_settings.RespondsByItself || await GrowNextAsync(with, cancellationToken))
                    && await _transcripts.GrowAsync(sent.AudioChars, _settings.Transcribes, _purse, cancellationToken) ? null
                : await ExhaustedAsync(cancellationToken);
            _conversation = refusal is null ? with : _conversation;

            // The provider listens, and could answer what it has heard: nobody would pay for that.
            return (refusal, refusal is not null && !sent.CreatesResponse && _settings.RespondsByItself);
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <summary>Settles what an event of the provider's reports, and claims what may come next.</summary>
    /// <returns>The error that ends the session.</returns>
    public async Task<GatewayError?> AfterAsync(ServerEvent told, CancellationToken cancellationToken)
    {
        await _gate.WaitAsync(cancellationToken);
        try
        {
            switch (told.Type)
            {
                case "session.created" or "session.updated":
                    _settings.Told(told);
                    return await ClaimNextAsync(cancellationToken);
                case "response.created":
                    return await BeginAsync(told, cancellationToken);
                case "response.done":
                    await FinishAsync(told, cancellationToken);
                    return await ClaimNextAsync(cancellationToken);
                case "error" when told.Answers is { } eventId:
                    Forget(eventId);
                    return null;
                default:
                    Find(told.ResponseId)?.Add(told);
                    if (_transcripts.Hear(told) is { } heard)
                    {
                        rows.WriteTranscript(heard, told.Usage is null, 200);
                    }

                    return null;
            }
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <summary>Settles what is open, and gives back the rest.</summary>
    /// <param name="status">What the app was told at the end.</param>
    public async Task EndAsync(int status)
    {
        await _gate.WaitAsync(CancellationToken.None);
        try
        {
            // What was asked for and not yet begun may have begun all the same.
            if (_asked.Count > 0 && _next is { } asked)
            {
                _next = null;
                Estimate(new OpenResponse(asked, _conversation, MostAsked, time.GetTimestamp()), status, isWhole: false);
            }

            foreach (var open in _asides.Concat(_asidesAsked.Select(one => one.Response)).Append(_open).OfType<OpenResponse>())
            {
                Estimate(open, status, isWhole: false);
            }

            _transcripts.TakeOpen().ForEach(open => rows.WriteTranscript(open, isEstimate: true, status));

            _open = null;
            _asides.Clear();
            _asidesAsked.Clear();
            _asked.Clear();
        }
        finally
        {
            _gate.Release();
        }
    }

    public void Dispose()
    {
        // What was settled stays so; anything else is given back.
        _next?.Release();
        _open?.Claim.Release();
        _asides.ForEach(aside => aside.Claim.Release());
        _asidesAsked.ForEach(aside => aside.Response.Claim.Release());
        _transcripts.Release();
        _gate.Dispose();
    }

    private ValueTask<GatewayError> ExhaustedAsync(CancellationToken cancellationToken) => _purse.ExhaustedAsync(cancellationToken);

    /// <summary>The most output of the responses that may begin next.</summary>
    private long MostAsked => _asked.Values.Append(_settings.RespondsByItself ? _settings.MaxOutput : 0).Max();

    private async ValueTask<bool> GrowNextAsync(Conversation conversation, CancellationToken cancellationToken)
    {
        var grown = await Claim.GrowAsync(_next, conversation.WorstOf(price, MostAsked), _purse, cancellationToken);
        _next = grown ?? _next;
        return grown is not null;
    }

    private async ValueTask<GatewayError?> AskResponseAsync(ClientEvent sent, Conversation with, CancellationToken cancellationToken)
    {
        _asked[sent.EventId!] = sent.MaxOutput ?? _settings.MaxOutput;
        if (await GrowNextAsync(with, cancellationToken))
        {
            return null;
        }

        _asked.Remove(sent.EventId!);
        return await ExhaustedAsync(cancellationToken);
    }

    private async ValueTask<GatewayError?> AskAsideAsync(ClientEvent sent, Conversation with, CancellationToken cancellationToken)
    {
        if (_asides.Count + _asidesAsked.Count >= MostAsides)
        {
            return GatewayError.RateLimited(TimeSpan.FromSeconds(1));
        }

        var most = sent.MaxOutput ?? _settings.MaxOutput;
        if (await Claim.GrowAsync(null, with.WorstOf(price, most), _purse, cancellationToken) is not { } claim)
        {
            return await ExhaustedAsync(cancellationToken);
        }

        _asidesAsked.Add((sent.EventId!, new OpenResponse(claim, with, Conversation.MostOutput(price, most), time.GetTimestamp())));
        return null;
    }

    private async ValueTask<GatewayError?> BeginAsync(ServerEvent told, CancellationToken cancellationToken)
    {
        if (told.IsAside && _asidesAsked is [var (_, aside), ..])
        {
            _asidesAsked.RemoveAt(0);
            aside.Id = told.ResponseId;
            _asides.Add(aside);
            return null;
        }

        if (_open is { } lost)
        {
            Estimate(lost, 200, isWhole: false);
        }

        var isClaimed = _next is not null || await GrowNextAsync(_conversation, cancellationToken);
        var most = Conversation.MostOutput(price, Math.Max(MostAsked, _asked.Count == 0 ? _settings.MaxOutput : 0));
        _open = new OpenResponse(_next ?? await Claim.OfNothingAsync(_purse, cancellationToken), _conversation, most, time.GetTimestamp()) { Id = told.ResponseId };
        _next = null;
        _asked.Remove(_asked.Keys.FirstOrDefault() ?? "");
        return isClaimed ? null : await ExhaustedAsync(cancellationToken);
    }

    private async ValueTask FinishAsync(ServerEvent told, CancellationToken cancellationToken)
    {
        var response = Find(told.ResponseId) ?? new OpenResponse(await Claim.OfNothingAsync(_purse, cancellationToken), Conversation.Empty, 0, time.GetTimestamp());
        _open = response == _open ? null : _open;
        _asides.Remove(response);
        if (told.Usage is { } reported)
        {
            _conversation = _conversation.With(reported);
            rows.WriteResponse(response.Claim, price, reported, isEstimate: false, 200, time.GetElapsedTime(response.Began));
        }
        else
        {
            Estimate(response, 200, isWhole: true);
        }
    }

    private async Task<GatewayError?> ClaimNextAsync(CancellationToken cancellationToken)
    {
        if (!_settings.RespondsByItself && _asked.Count == 0)
        {
            _next?.Release();
            _next = null;
            return null;
        }

        return await terms.RenewAsync(cancellationToken) ?? (_open is not null || await GrowNextAsync(_conversation, cancellationToken) ? null : await ExhaustedAsync(cancellationToken));
    }

    /// <summary>The provider refused to begin it.</summary>
    private void Forget(string eventId)
    {
        if (_asidesAsked.FindIndex(one => one.EventId == eventId) is var at and >= 0)
        {
            _asidesAsked[at].Response.Claim.Release();
            _asidesAsked.RemoveAt(at);
        }

        if (_asked.Remove(eventId) && _asked.Count == 0 && !_settings.RespondsByItself)
        {
            _next?.Release();
            _next = null;
        }
    }

    private OpenResponse? Find(string? id) =>
        id is null ? null : _open?.Id == id ? _open : _asides.Find(aside => aside.Id == id);

    private void Estimate(OpenResponse response, int status, bool isWhole)
    {
        var elapsed = time.GetElapsedTime(response.Began);
        var tokens = response.Estimate(price, elapsed, isWhole);
        _conversation = _conversation.With(tokens);
        rows.WriteResponse(response.Claim, price, tokens, isEstimate: true, status, elapsed);
    }
}
