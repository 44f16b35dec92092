using System.Globalization;
using System.Text.Json;
using TokenBroker.Authorization.Dpop;
using TokenBroker.Metering;
using TokenBroker.Upstreams;

namespace TokenBroker.Gateway;

/// <summary>
/// A refusal as apps see it: the body that OpenAI's clients expect, and RFC 6750's challenge on 401 and 403. The set
/// is closed; each message says what happened and what to do.
/// </summary>
/// <param name="Status">The HTTP status.</param>
/// <param name="Code">The stable code that programs decide by.</param>
/// <param name="Message">For people.</param>
/// <param name="Param">The part of the request that is at fault.</param>
/// <param name="PortalPath">Where the user can mend it, below the broker's address.</param>
internal sealed record GatewayError(int Status, string Code, string Message, string? Param = null, string? PortalPath = null)
{
    public TimeSpan? RetryAfter { get; init; }

    /// <summary>The scope that was missing (RFC 6750, section 3).</summary>
    public string? Scope { get; init; }

    /// <summary>True where the answer is about the sender's key: the error then stands in the challenge for DPoP (RFC 9449, section 7.1).</summary>
    public bool IsAboutTheKey { get; private init; }

    public static GatewayError MissingToken { get; } = new(
        401, "invalid_token", "Send an access token of this broker as 'Authorization: Bearer ...' or 'Authorization: DPoP ...'.");

    public static GatewayError TokenIsBound { get; } = new(
        401, "invalid_token", "The access token is bound to a key. Send it as 'Authorization: DPoP ...' with a proof in the header 'DPoP'.")
    {
        IsAboutTheKey = true,
    };

    public static GatewayError TokenIsNotBound { get; } = new(
        401, "invalid_token", "The access token is not bound to a key. Send it as 'Authorization: Bearer ...'.")
    {
        IsAboutTheKey = true,
    };

    public static GatewayError OtherKey { get; } = new(
        401, "invalid_token", "The access token is bound to another key than that of the DPoP proof.")
    {
        IsAboutTheKey = true,
    };

    public static GatewayError NonceWanted { get; } = new(401, ProofFault.Nonce.Error, ProofFault.Nonce.Message) { IsAboutTheKey = true };

    public static GatewayError TooManyProofs { get; } = new(
        503, "too_many_proofs", "The broker cannot remember more DPoP proofs right now, and takes none that it could not. Try again shortly.")
    {
        RetryAfter = TimeSpan.FromSeconds(5),
    };

    public static GatewayError InvalidToken { get; } = new(
        401, "invalid_token", "The access token is not valid, or no longer. Use the refresh token to get another.");

    public static GatewayError GrantRevoked { get; } = new(
        401, "grant_revoked", "The user has ended this app's access. Ask for it again.", PortalPath: "/");

    public static GatewayError GrantPaused { get; } = new(
        403, "grant_paused", "The user has paused this app's access. It works again once they resume it.", PortalPath: "/");

    public static GatewayError KeyRemoved { get; } = new(
        403, "upstream_key_rejected", "The key behind this access was deleted. The user can choose another by connecting the app again.", PortalPath: "/keys");

    public static GatewayError KeyRejected { get; } = new(
        403, "upstream_key_rejected", "The provider refused the user's key, or the key may not do this. The user can replace it.", PortalPath: "/keys");

    public static GatewayError KeyNotCarried { get; } = new(
        403, "upstream_key_rejected", "The key behind this access is never stored, and came with other tokens than this one, or has ended with them. Connect the app again.", PortalPath: "/");

    public static GatewayError SponsorKeyWithdrawn { get; } = new(
        403, "upstream_key_rejected", "This access pays by credit, and there is no key any more that calls on this credit are made with. The credit stays; the user can choose another way to pay.", PortalPath: "/");

    public static GatewayError SponsorKeyRejected { get; } = new(
        403, "upstream_key_rejected", "This access pays by credit, and the provider refused the key that was put up for it, or the key may not do this. Whoever gives the credit can replace it.", PortalPath: "/credit");

    /// <summary>For a call that was open when the user chose another way to pay.</summary>
    public static GatewayError PurseChanged { get; } = new(
        403, "purse_changed", "The user changed what this app's calls are paid from while this one was open. Call again.", PortalPath: "/");

    public static GatewayError KeyUnreadable { get; } = new(
        403, "upstream_key_rejected", "The user's key cannot be opened any more. Nothing was sent; the user can replace it.", PortalPath: "/keys");

    public static GatewayError UserSuspended { get; } = new(
        403, "user_suspended", "The user's account is suspended, and with it every app's access. They can see why.", PortalPath: "/safety");

    public static GatewayError AppSuspended { get; } = new(
        403, "app_suspended", "This app is suspended. Its owner can see why.", PortalPath: "/safety");

    /// <summary>For a call that was open when the person or the app was suspended.</summary>
    public static GatewayError AccessSuspended { get; } = new(
        403, "access_suspended", "The user's account, or this app, was suspended.", PortalPath: "/safety");

    public static GatewayError ContentUnreadable { get; } = new(
        400, "content_unreadable", "What this access sends is moderated first, and some of this cannot be looked at (sound, files, tokens in place of text, what is stored at the provider), or is too much. Nothing was sent.");

    public static GatewayError ModerationUnavailable { get; } = new(
        503, "moderation_unavailable", "What this access sends is moderated first, and the moderation does not answer right now. Nothing was sent; try again shortly.")
    {
        RetryAfter = TimeSpan.FromSeconds(5),
    };

    public static GatewayError Internal { get; } = new(
        500, "internal_error", "The broker failed. Nothing was charged beyond what the provider had already answered; try again.");

    public static GatewayError Unavailable { get; } = new(
        502, "upstream_unavailable", "The provider cannot be reached, or gave no usable answer. Try again shortly.");

    public static GatewayError KeyEchoed { get; } = new(
        502, "upstream_unavailable", "The provider's answer contained the user's key, and was withheld.");

    public static GatewayError Timeout { get; } = new(
        504, "upstream_timeout", "The provider was silent for too long.");

    public static GatewayError EventTooLarge { get; } = new(413, "request_too_large", "The event is larger than one may be.");

    public static GatewayError InvalidProof(ProofFault fault) => fault.WantsNonce ? NonceWanted : new(401, fault.Error, fault.Message) { IsAboutTheKey = true };

    public static GatewayError TooLarge(long limit) => new(
        413, "request_too_large", $"The request body is larger than {limit.ToString(CultureInfo.InvariantCulture)} bytes.");

    /// <param name="method">As it came.</param>
    /// <param name="path">As it came.</param>
    /// <param name="baseUrl">What a client's base URL must be, where that may be the mistake.</param>
    public static GatewayError OperationNotAllowed(string method, string path, string? baseUrl = null) => new(
        403,
        "operation_not_allowed",
        $"{method} {path} is not an operation that this broker forwards." + (baseUrl is null ? "" : $" Operations stand right below {baseUrl}, the base URL for this token."));

    /// <param name="found">What the catalogue denies, or its query.</param>
    public static GatewayError Denied(Found found) => new(
        403, "operation_not_allowed", found.Parameter is null ? $"'{found.Name}' is not forwarded. {found.Refusal}" : found.Refusal!, found.Parameter);

    /// <summary>As the provider answers for what does not exist: whether it does is not told.</summary>
    public static GatewayError NoSuchObject(ObjectReference reference) => new(
        404,
        "not_found",
        reference.Kind == RequestContent.StoredItem
            ? $"No item '{reference.Id}' of a stored response of this app. Send the item's own content (of reasoning: its 'encrypted_content', which 'include' asks for), or set 'store' to true where the response is made."
            : $"No such {reference.Kind?.Replace('_', ' ')} object: {reference.Id}",
        reference.Member);

    /// <param name="baseUrls">The base URLs that there are.</param>
    public static GatewayError NoUpstream(string baseUrls) => new(
        404, "not_found", $"The address names no provider. The base URL of a client is {baseUrls}.");

    /// <summary>What was made is there, and is nobody's: only the user's own look at the provider account finds it.</summary>
    public static GatewayError NotRecorded { get; } = new(
        502, "object_not_recorded", "The provider made what was asked for, but the broker could not write down that it belongs to this app. Nothing of it can be used; try again.");

    public static GatewayError NotPriced(string? param, string message) => new(403, "operation_not_priced", message, param);

    public static GatewayError NotAllowed(string param, string message) => new(403, "operation_not_allowed", message, param);

    public static GatewayError SessionEnded(string message) => new(408, "session_ended", message);

    public static GatewayError Unreadable(int status) => new(status, "invalid_request", "The request could not be read to its end.");

    public static GatewayError InvalidRequest(string message, string? param = null) => new(400, "invalid_request", message, param);

    /// <summary>400, as the provider itself refuses such content: clients do not try it again.</summary>
    public static GatewayError ContentFlagged(IReadOnlyList<string> categories) => new(
        400, "content_flagged", $"The content was flagged by moderation ({string.Join(", ", categories)}) and was not sent to the model.");

    public static GatewayError InsufficientScope(string scope) => new(
        403, "insufficient_scope", $"This needs the scope {scope}, which the user has not granted. Ask for it.", PortalPath: "/")
    {
        Scope = scope,
    };

    public static GatewayError ModelNotAllowed(string? model) => new(
        403,
        "model_not_allowed",
        model is null ? "The request must name its model, as 'model'." : $"The model '{model}' is not among those that the user allows, or has no price here.",
        "model",
        "/");

    /// <summary>The user allows it, and can do nothing about this.</summary>
    public static GatewayError ModelNotPriced(string model) => new(
        403, "model_not_allowed", $"The model '{model}' has no price here for this operation, so that its cost cannot be bounded. Choose another, or ask the operator to import newer prices.", "model");

    /// <param name="retryAfter">How long the vault is left alone.</param>
    public static GatewayError VaultUnavailable(TimeSpan? retryAfter) => new(
        503, "vault_unavailable", "The broker's vault does not answer right now, so the user's key stays closed. Nothing was sent; try again shortly.")
    {
        RetryAfter = retryAfter ?? TimeSpan.FromSeconds(1),
    };

    /// <param name="resetsAt">When the budget begins anew; null where it was given once.</param>
    public static GatewayError BudgetExhausted(DateTimeOffset? resetsAt) => new(
        402,
        "budget_exhausted",
        "This call could cost more than is left of the user's budget for this app. "
            + (resetsAt is { } at ? $"It resets on {at:yyyy-MM-dd} (UTC); the" : "The") + " user can raise it.",
        PortalPath: "/");

    public static GatewayError CreditExhausted { get; } = new(
        402,
        "credit_exhausted",
        "This call could cost more than is left of the credit that pays for it. The user sees what is left, and where to top up or how to pay otherwise.",
        PortalPath: "/credit");

    /// <summary>Where the tightest of what a call draws on is credit, that is to be topped up; else it is a budget.</summary>
    public static GatewayError Exhausted(OpenBooks open) => open.IsCreditTightest ? CreditExhausted : BudgetExhausted(open.ResetsAt);

    public static GatewayError RateLimited(TimeSpan retryAfter) => new(
        429, "rate_limited", "Too many calls or tokens in a minute, or calls at one time. Slow down.")
    {
        RetryAfter = retryAfter,
    };

    /// <summary>Writes the whole response; nothing may have been written before.</summary>
    public async Task WriteAsync(HttpContext context, string baseAddress)
    {
        var response = context.Response;
        RateHeaders.ClearAllElse(response);
        response.StatusCode = Status;
        response.ContentType = "application/json";
        response.Headers.CacheControl = "no-store";
        response.Headers[GatewayHeaders.RequestId] = context.TraceIdentifier;
        if (RetryAfter is { } wait)
        {
            response.Headers.RetryAfter = Math.Max(1, (long)Math.Ceiling(wait.TotalSeconds)).ToString(CultureInfo.InvariantCulture);
        }

        if (Status is 401 or 403)
        {
            response.Headers.WWWAuthenticate = Challenges.Of(this, context.Request);
        }

        await response.Body.WriteAsync(ToJson(baseAddress, context.TraceIdentifier), context.RequestAborted);
    }

    /// <summary>The error as the last event of a stream that had begun.</summary>
    public byte[] ToEvent(string baseAddress, string requestId) =>
        [.. "\n\nevent: error\ndata: "u8, .. ToJson(baseAddress, requestId), .. "\n\n"u8];

    /// <summary>Writes what stands inside <c>error</c>.</summary>
    public void WriteMembers(Utf8JsonWriter json, string baseAddress)
    {
        var portal = PortalPath is null ? null : baseAddress + PortalPath;
        json.WriteString("message", portal is null ? Message : $"{Message} See {portal}");
        json.WriteString("type", Status switch { 401 => "authentication_error", 402 => "insufficient_quota", 403 => "permission_error", 429 => "rate_limit_error", >= 500 => "server_error", _ => "invalid_request_error" });
        json.WriteString("code", Code);
        json.WriteString("param", Param);
        if (portal is not null)
        {
            json.WriteString("portal_url", portal);
        }
    }

    private byte[] ToJson(string baseAddress, string requestId)
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream, new JsonWriterOptions { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            json.WriteStartObject();

            // For Anthropic's clients; OpenAI's look at the member below alone.
            json.WriteString("type", "error");
            json.WriteStartObject("error");
            WriteMembers(json, baseAddress);
            json.WriteEndObject();
            json.WriteString("request_id", requestId);
            json.WriteEndObject();
        }

        return stream.ToArray();
    }
}
