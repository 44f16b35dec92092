using Microsoft.Extensions.Options;
using TokenBroker.Audit;
using TokenBroker.Safety;
using TokenBroker.Upstreams;

namespace TokenBroker.Gateway;

/// <summary>
/// The last gate before a call is sent: its key is opened and, where a policy asks for it, what it would tell a model is
/// moderated with that key. It holds the call's place and reservation meanwhile, spends nothing of it, and ends when the
/// grant is cut.
/// </summary>
internal sealed class Clearance(
    CallKeys keys, ContentCheck content, ReserveBatch batches, RefusalLog log, IServiceScopeFactory scopes, IOptions<ModerationOptions> options)
{
    /// <returns>The key as a header needs it, or the refusal.</returns>
    public async ValueTask<(string? Text, GatewayError? Refusal)> RunAsync(Admitted admitted, CancellationToken cancellationToken)
    {
        var call = admitted.Call;
        var key = await keys.OpenAsync(call, cancellationToken);
        if (key.Text is { } text && content.IsWanted(call.Caller.Facts.Safety, call.Operation.Kind, call.Request.Model))
        {
            key = await ModerateAsync(admitted, text, cancellationToken);
        }

        // The lines of a batch are at the provider: they are read with its key.
        return call.Operation.Kind == OperationKind.Batch && key.Text is not null && await batches.RunAsync(call, key.Text, cancellationToken) is { } refusal
            ? (null, refusal)
            : key;
    }

    private async Task<(string? Text, GatewayError? Refusal)> ModerateAsync(Admitted admitted, string key, CancellationToken cancellationToken)
    {
        var call = admitted.Call;
        var grant = call.Caller.Grant;
        ModerationVerdict verdict;
        using (var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, grant.Cut))
        {
            try
            {
                verdict = await content.RunAsync(call.Caller.Facts.UserId, call.Operation.Kind, admitted.Body.Bytes, call.Upstream, key, either.Token);
            }
            catch (OperationCanceledException) when (grant.Cut.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
            {
                return (null, Call.ErrorOf(grant.CutReason));
            }
        }

        if (verdict.Categories.Count > 0)
        {
            await using var scope = scopes.CreateAsyncScope();
            await scope.ServiceProvider.GetRequiredService<RecordFlag>().RunAsync(
                new Flag(call.Caller.Facts.UserId, grant.Id, call.Operation.Name, verdict.Categories), CancellationToken.None);
            return (null, GatewayError.ContentFlagged(verdict.Categories));
        }

        if (verdict.IsUnreadable)
        {
            return (null, GatewayError.ContentUnreadable);
        }

        if (verdict.IsUnavailable && !options.Value.FailOpen)
        {
            return (null, GatewayError.ModerationUnavailable);
        }

        if (verdict.IsUnavailable)
        {
            log.Add(new Refusal(call.Caller.Facts.UserId, grant.Id, "moderation_unavailable", call.Operation.Name, "call.unmoderated"));
        }

        return (key, null);
    }
}
