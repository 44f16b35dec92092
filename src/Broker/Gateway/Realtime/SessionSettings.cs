namespace TokenBroker.Gateway;

/// <summary>
/// A session's settings as far as they cost money. What the app asks for counts at once where it costs more; what costs
/// less counts once the provider says that it is so, and nothing else is on its way.
/// </summary>
internal sealed class SessionSettings
{
    private int _asked;

    /// <summary>The provider's default: it listens, and responds by itself.</summary>
    public bool RespondsByItself { get; private set; } = true;

    public long MaxOutput { get; private set; } = long.MaxValue;

    /// <summary>The model that writes down what is said; empty for none.</summary>
    public string Transcribes { get; private set; } = "";

    public void Ask(SessionChange? change)
    {
        if (change is not null)
        {
            _asked++;
            Widen(change);
        }
    }

    public void Told(ServerEvent told)
    {
        _asked -= told.Type == "session.updated" && _asked > 0 ? 1 : 0;
        if (told.Session is not { } session)
        {
            return;
        }

        if (_asked > 0)
        {
            Widen(session);
            return;
        }

        RespondsByItself = session.RespondsByItself ?? true;
        MaxOutput = session.MaxOutput ?? long.MaxValue;
        Transcribes = session.Transcribes ?? "";
    }

    private void Widen(SessionChange change)
    {
        RespondsByItself |= change.RespondsByItself == true;
        MaxOutput = Math.Max(MaxOutput, change.MaxOutput ?? 0);
        Transcribes = change.Transcribes is { Length: > 0 } model ? model : Transcribes;
    }
}
