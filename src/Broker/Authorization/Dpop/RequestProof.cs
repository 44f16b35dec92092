using Microsoft.Extensions.Options;
using TokenBroker.Operations;

namespace TokenBroker.Authorization.Dpop;

/// <summary>
/// The DPoP proof of one request to the authorization server. Read at the request's beginning, so that codes and tokens
/// can be held against its key, and used up at the end of its checks: a request that is refused for something else
/// writes no row, and a stranger without a valid code cannot fill the table.
/// </summary>
internal sealed class RequestProof(ProofCheck check, UsedProofs used, IOptions<BrokerOptions> broker)
{
    public const string Header = "DPoP";
    public const string NonceHeader = "DPoP-Nonce";
    private const string Kind = "dpop";

    private DpopProof? _proof;

    /// <summary>The key that the request proved to hold; null where it tried to prove none.</summary>
    public string? Thumbprint => _proof?.Key.Thumbprint;

    /// <returns>Null where the proof is good, and where there is none.</returns>
    public ProofFault? Read(HttpRequest request)
    {
        var header = request.Headers[Header];
        if (header.Count == 0)
        {
            return null;
        }

        var givesNonce = true;
        var (proof, fault) = DpopProof.Read(header);
        if (proof is not null)
        {
            var uri = broker.Value.BaseAddress + request.PathBase + request.Path;
            fault = check.FaultOf(proof, request.Method, uri, accessToken: null, out givesNonce);
        }

        if (givesNonce)
        {
            GiveNonce(request.HttpContext.Response);
        }

        _proof = fault is null ? proof : null;
        return fault;
    }

    public void GiveNonce(HttpResponse response) => response.Headers[NonceHeader] = check.Nonces.Current;

    /// <returns>The fault of a proof that was used before; null where it is new, and where there is none.</returns>
    public async Task<ProofFault?> UseAsync(CancellationToken cancellationToken) =>
        _proof is null || await used.TryUseAsync(Kind, _proof.Key.Thumbprint, _proof.Jti, ProofCheck.ExpiryOf(_proof), cancellationToken)
            ? null
            : ProofFault.Replay;
}
