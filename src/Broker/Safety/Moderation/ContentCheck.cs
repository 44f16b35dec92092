using Microsoft.Extensions.Options;
using TokenBroker.Upstreams;

namespace TokenBroker.Safety;

/// <summary>
/// Has what a call would tell a model looked at first. The invariant: a call that any policy wants moderated goes on only
/// after every piece of what is sent was found harmless, or, where the operator says so, when nobody could be asked.
/// </summary>
internal sealed class ContentCheck(
    Moderator moderator, RememberedVerdicts remembered, ModerationKey ownKey, Catalogue catalogue, IOptions<ModerationOptions> options, ILogger<ContentCheck> logger)
{
    private const int TextsAtOnce = 64;

    /// <summary>Whether anybody wants a call moderated. It is asked of every call, and so must cost nothing.</summary>
    public bool IsWanted(SafetyFacts facts, OperationKind kind, string? model)
    {
        var settings = options.Value;
        return (facts.IsAskedFor || (settings.Mode == ModerationMode.On && (settings.Models.Count == 0 || (model is not null && settings.Models.Contains(model)))))
            && PromptReader.Concerns(kind, settings.Embeddings);
    }

    /// <param name="userId">Whose call.</param>
    /// <param name="kind">What it is.</param>
    /// <param name="body">The bytes that will be sent; empty for a body that is passed on unread.</param>
    /// <param name="upstream">Where they will be sent.</param>
    /// <param name="key">The key of the call.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public async Task<ModerationVerdict> RunAsync(
        Guid userId, OperationKind kind, ReadOnlyMemory<byte> body, Upstream upstream, string key, CancellationToken cancellationToken)
    {
        if (PromptReader.Read(body.Span, kind) is not { } prompt)
        {
            return ModerationVerdict.Unreadable;
        }

        var settings = options.Value;
        if (prompt.Pieces.Count > settings.MostPieces || prompt.Images.Count > settings.MostImages)
        {
            return ModerationVerdict.Unreadable;
        }

        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(settings.Timeout);
        try
        {
            var asked = catalogue.Find(settings.Upstream);
            var askedWith = ownKey.Text ?? (asked == upstream ? key : null);
            if (asked is null || askedWith is null)
            {
                throw new ModerationUnavailableException("the call's own key is not for it, and there is no Safety:Moderation:KeyFile");
            }

            return await JudgeAsync(userId, prompt, asked, askedWith, patience.Token);
        }
        catch (ModerationUnavailableException exception)
        {
            logger.LogWarning("Moderation gave no verdict: {Reason}.", exception.Message);
            return ModerationVerdict.Unavailable;
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            logger.LogWarning("Moderation gave no verdict in {Timeout}.", settings.Timeout);
            return ModerationVerdict.Unavailable;
        }
    }

    private async Task<ModerationVerdict> JudgeAsync(Guid userId, Prompt prompt, Upstream upstream, string key, CancellationToken cancellationToken)
    {
        HashSet<string> found = new(StringComparer.Ordinal);
        List<string> unknown = [];
        foreach (var piece in prompt.Pieces)
        {
            if (remembered.Find(userId, piece) is { } known)
            {
                found.UnionWith(known);
            }
            else
            {
                unknown.Add(piece);
            }
        }

        foreach (var texts in unknown.Chunk(TextsAtOnce))
        {
            if (await moderator.JudgeAsync(upstream, key, texts, cancellationToken) is not { } verdicts)
            {
                return ModerationVerdict.Unreadable;
            }

            for (var i = 0; i < texts.Length; i++)
            {
                remembered.Add(userId, texts[i], verdicts[i]);
                found.UnionWith(verdicts[i]);
            }
        }

        foreach (var image in prompt.Images)
        {
            if (await moderator.JudgeImageAsync(upstream, key, image, cancellationToken) is not { } verdict)
            {
                return ModerationVerdict.Unreadable;
            }

            found.UnionWith(verdict);
        }

        return found.Count == 0 ? ModerationVerdict.Clean : ModerationVerdict.Flagged(found);
    }
}
