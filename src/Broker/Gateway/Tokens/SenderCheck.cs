using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Options;
using TokenBroker.Authorization.Dpop;
using TokenBroker.Operations;

namespace TokenBroker.Gateway;

/// <summary>
/// Whether a call comes from the one whom its token was given to (RFC 9449, section 7). A bound token goes with a fresh
/// proof of its key, made for this call and this token, on every call; as a bearer token it is refused, so that a
/// stolen one is worth nothing. Only memory is asked. The nonces are sealed under a key that ends with this process, as
/// does the memory of used proofs: a proof from before a restart, or for another process, fits no nonce here.
/// </summary>
internal sealed class SenderCheck(SeenProofs seen, IOptions<BrokerOptions> broker, TimeProvider time, ILoggerFactory logs)
{
    private readonly ProofCheck _check = new(
        new DpopNonces(new EphemeralDataProtectionProvider(logs).CreateProtector("TokenBroker.Dpop.Gateway"), time), time);

    /// <returns>Null where the call may go on as the caller's.</returns>
    public GatewayError? Check(HttpContext context, PresentedToken presented, Caller caller)
    {
        if (caller.KeyThumbprint is not { } key)
        {
            return presented.IsDpop ? GatewayError.TokenIsNotBound : null;
        }

        if (!presented.IsDpop)
        {
            return GatewayError.TokenIsBound;
        }

        var (proof, fault) = DpopProof.Read(context.Request.Headers[RequestProof.Header]);
        if (proof is null)
        {
            GiveNonce(context);
            return GatewayError.InvalidProof(fault!);
        }

        // Before the signature: whoever has the token and no key costs two hashes.
        if (!string.Equals(proof.Key.Thumbprint, key, StringComparison.Ordinal))
        {
            return GatewayError.OtherKey;
        }

        fault = _check.FaultOf(proof, context.Request.Method, AddressOf(context), presented.Token, out var givesNonce);
        if (givesNonce)
        {
            GiveNonce(context);
        }

        return fault is not null ? GatewayError.InvalidProof(fault) : seen.TryAdd(key, proof.Jti, ProofCheck.ExpiryOf(proof)) switch
        {
            SeenProof.New => null,
            SeenProof.Before => GatewayError.InvalidProof(ProofFault.Replay),
            _ => GatewayError.TooManyProofs,
        };
    }

    /// <summary>The public address and the request line as it came: never the Host header, which the sender chooses.</summary>
    private string AddressOf(HttpContext context)
    {
        var target = context.Features.Get<IHttpRequestFeature>()!.RawTarget;
        var query = target.IndexOf('?', StringComparison.Ordinal);
        return string.Concat(broker.Value.BaseAddress, query < 0 ? target : target.AsSpan(0, query));
    }

    /// <summary>At the answer's start, since a refusal clears the headers before it writes its own.</summary>
    private void GiveNonce(HttpContext context) => context.Response.OnStarting(
        static state =>
        {
            var (response, nonces) = ((HttpResponse, DpopNonces))state;
            response.Headers[RequestProof.NonceHeader] = nonces.Current;
            return Task.CompletedTask;
        },
        (context.Response, _check.Nonces));
}
