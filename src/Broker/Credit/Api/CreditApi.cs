using System.Text.Json;
using Microsoft.AspNetCore.Mvc;
using TokenBroker.Apps.Api;
using TokenBroker.Custody.Vaults;
using TokenBroker.Metering;

namespace TokenBroker.Credit.Api;

/// <summary>
/// The API by which sponsors give credit and take back what was not used: by a secret as bearer, or by a payment
/// provider's webhook that is signed. Nobody's session or personal token opens it.
/// </summary>
internal static class CreditApi
{
    private const string Root = "/api/v1/credit";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(15);

    public static void MapCreditApi(this WebApplication app)
    {
        Guard(app.MapPost(Root + "/top-ups", (HttpContext context, TakeCreditOrder take, CreditPace pace) => OrderAsync(context, CreditKind.TopUp, take, pace)));
        Guard(app.MapPost(Root + "/refunds", (HttpContext context, TakeCreditOrder take, CreditPace pace) => OrderAsync(context, CreditKind.Refund, take, pace)));
        Guard(app.MapGet(Root + "/users/{user}", BalanceAsync));
        Limit(app.MapPost(Root + "/webhooks/{id:guid}", WebhookAsync).AllowAnonymous());
    }

    private static void Guard(RouteHandlerBuilder endpoint) => Limit(endpoint.RequireAuthorization(policy => policy
        .AddAuthenticationSchemes(CreditSecretAuthentication.SchemeName).RequireAuthenticatedUser()));

    private static void Limit(RouteHandlerBuilder endpoint) => endpoint
        .DisableAntiforgery()
        .WithMetadata(new RequestSizeLimitAttribute(ApiBody.MostBytes))
        .AddEndpointFilter(static (context, next) =>
        {
            context.HttpContext.Response.Headers.CacheControl = "no-store";
            return next(context);
        });

    private static CreditSecret SecretOf(HttpContext context) => context.Features.Get<CreditSecret>() ?? throw new InvalidOperationException("Nobody showed a secret.");

    private static async Task<IResult> OrderAsync(HttpContext context, CreditKind kind, TakeCreditOrder take, CreditPace pace)
    {
        var secret = SecretOf(context);
        if (!pace.Allows(secret.Id))
        {
            return TooMany(context);
        }

        var patience = PatienceOf(context);
        context.RequestAborted = patience;
        var (input, problem) = await ApiBody.ReadAsync<CreditInput>(context);
        var keys = context.Request.Headers["Idempotency-Key"];
        return input is null ? problem! : await take.RunAsync(secret, kind, keys.Count == 1 ? keys[0] : null, input, patience);
    }

    private static async Task<IResult> BalanceAsync(string user, HttpContext context, TakeCreditOrder take, CreditPace pace) =>
        pace.Allows(SecretOf(context).Id) ? await take.BalanceAsync(SecretOf(context), user, context.RequestAborted) : TooMany(context);

    private static async Task<IResult> WebhookAsync(Guid id, HttpContext context, Webhook webhook, TakeCreditOrder take, CreditPace pace)
    {
        var patience = PatienceOf(context);
        using var body = new MemoryStream();
        (CreditSecret Secret, string EventId)? known;
        try
        {
            await context.Request.Body.CopyToAsync(body, patience);
            known = await webhook.CheckAsync(id, context.Request.Headers, body.GetBuffer().AsMemory(0, (int)body.Length), patience);
        }
        catch (Exception exception) when (exception is VaultUnavailableException or VaultRefusedException)
        {
            context.Response.Headers.RetryAfter = "30";
            return TakeCreditOrder.Problem(StatusCodes.Status503ServiceUnavailable, "vault_unavailable", "The broker's vault does not answer right now. Send it again.");
        }
        catch (BadHttpRequestException exception)
        {
            return TakeCreditOrder.Problem(exception.StatusCode, "invalid_request", "The body is broken, or too large.");
        }

        if (known is not { } sender)
        {
            return TakeCreditOrder.Problem(StatusCodes.Status401Unauthorized, "invalid_signature", "The webhook is not signed as it must be, or not at this time, or for no secret that works.");
        }

        return !pace.Allows(sender.Secret.Id) ? TooMany(context)
            : EventOf(body.ToArray()) is not { } told ? TakeCreditOrder.Problem(StatusCodes.Status400BadRequest, "invalid_request", "Send {\"type\": \"credit.top_up\" or \"credit.refund\", \"data\": {...}}, with what the API takes as data.")
            : told.Kind is not { } kind ? ApiBody.Write(new { ignored = told.Type }, StatusCodes.Status202Accepted)
            : await take.RunAsync(sender.Secret, kind, sender.EventId, told.Data!, patience);
    }

    /// <returns>Null for what is no event; without a kind for one of a type that says nothing of credit.</returns>
    private static (string Type, CreditKind? Kind, CreditInput? Data)? EventOf(byte[] body)
    {
        try
        {
            using var json = JsonDocument.Parse(body);
            var type = json.RootElement.GetProperty("type").GetString() ?? "";
            CreditKind? kind = type switch { "credit.top_up" => CreditKind.TopUp, "credit.refund" => CreditKind.Refund, _ => null };
            var data = kind is null ? null : json.RootElement.GetProperty("data").Deserialize<CreditInput>(ApiBody.Json);
            return kind is not null && data is null ? null : (type, kind, data);
        }
        catch (Exception exception) when (exception is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            return null;
        }
    }

    private static CancellationToken PatienceOf(HttpContext context)
    {
        var source = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted);
        context.Response.RegisterForDispose(source);
        source.CancelAfter(Patience);
        return source.Token;
    }

    private static IResult TooMany(HttpContext context)
    {
        context.Response.Headers.RetryAfter = "60";
        return TakeCreditOrder.Problem(StatusCodes.Status429TooManyRequests, "rate_limited", "Too many requests of this secret in a minute.");
    }
}
