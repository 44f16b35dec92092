using System.Globalization;
using TokenBroker.Bench.Processes;

namespace TokenBroker.Bench.Parties;

/// <summary>
/// Stock OpenIddict on SQLite: for refresh grants what one gets by following its documentation, and, behind nginx's
/// <c>auth_request</c>, the service that one would have validate access tokens.
/// </summary>
internal sealed class StockParty(string directory, string name)
{
    private readonly int _port = Ports.Next();

    public int Port => _port;

    public Task<Running> StartAsync(CancellationToken cancellationToken) => Running.StartAsync(
        "Stock OpenIddict",
        Programs.Contenders,
        [
            "openiddict",
            string.Create(CultureInfo.InvariantCulture, $"--urls=http://localhost:{_port}"),
            $"--database={Path.Combine(directory, $"{name}-{_port}.db")}",
            $"--client={OAuthApp.ClientId}",
            $"--secret={OAuthApp.Secret}",
            $"--redirect={OAuthApp.RedirectUri}",
        ],
        _port,
        directory,
        cancellationToken);

    /// <summary>Whoever comes is somebody new, and has consented.</summary>
    public async Task<Tokens> ConnectSomebodyAsync(CancellationToken cancellationToken)
    {
        using var app = new OAuthApp(_port, "api offline_access");
        using var http = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false });
        using var response = await http.GetAsync(new Uri($"http://localhost:{_port}{app.AuthorizeUrl}&login_hint={Guid.NewGuid():N}"), cancellationToken);
        return await app.ExchangeAsync(
            response.Headers.Location ?? throw new InvalidOperationException("The stock server did not redirect: " + await response.Content.ReadAsStringAsync(cancellationToken)),
            cancellationToken);
    }
}
