using OpenIddict.Server;
using static OpenIddict.Abstractions.OpenIddictConstants;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace TokenBroker.Authorization.ClientAssertions;

/// <summary>Runs before the signature is checked, and answers every fault alike: with <c>invalid_client</c>.</summary>
internal sealed class CheckClientAssertion : IOpenIddictServerHandler<ProcessAuthenticationContext>
{
    public ValueTask HandleAsync(ProcessAuthenticationContext context)
    {
        if (context.ClientAssertion is not { Length: > 0 } jwt)
        {
            return default;
        }

        var (assertion, fault) = ClientAssertion.Read(jwt, context.Options.Issuer!, context.Options.TimeProvider.GetUtcNow());
        if (assertion is null)
        {
            context.Reject(Errors.InvalidClient, fault);
        }
        else if (!string.IsNullOrEmpty(context.ClientId) && context.ClientId != assertion.ClientId)
        {
            context.Reject(Errors.InvalidClient, "The client assertion is not that of the request's client_id.");
        }

        return default;
    }
}

/// <summary>Runs once the signature is known to be the app's: nobody else can use up its values.</summary>
internal sealed class UseClientAssertionOnce(UsedProofs used) : IOpenIddictServerHandler<ProcessAuthenticationContext>
{
    private const string Kind = "client_assertion";

    public async ValueTask HandleAsync(ProcessAuthenticationContext context)
    {
        var (assertion, fault) = ClientAssertion.Read(context.ClientAssertion!, context.Options.Issuer!, context.Options.TimeProvider.GetUtcNow());
        if (assertion is null)
        {
            context.Reject(Errors.InvalidClient, fault);
        }
        else if (!await used.TryUseAsync(Kind, assertion.ClientId, assertion.Jti, assertion.Expiry, context.CancellationToken))
        {
            context.Reject(Errors.InvalidClient, "The client assertion was used before. Make one for each request, with a 'jti' of its own.");
        }
    }
}
