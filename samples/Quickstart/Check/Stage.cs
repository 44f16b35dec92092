namespace TokenBroker.Samples.Quickstart.Check;

/// <summary>What the stories share: the servers, the person's one browser, and the witnesses of all that was received.</summary>
internal sealed class Stage : IDisposable
{
    public Stage(QuickstartServers servers)
    {
        Servers = servers;
        Browser = new Browser(BrowserWitness, leavesAt: BareClient.RedirectUri);
        Apps = new HttpClient(AppWitness);
        Control = new HttpClient(new SocketsHttpHandler { UseProxy = false });
    }

    public QuickstartServers Servers { get; }

    public Browser Browser { get; }

    /// <summary>What apps call the broker with.</summary>
    public HttpClient Apps { get; }

    /// <summary>What reads the sandbox's journal; it may show the key, and is no part of the play.</summary>
    public HttpClient Control { get; }

    public Witness BrowserWitness { get; } = new(withCookies: true);

    public Witness AppWitness { get; } = new(withCookies: false);

    public Uri Broker(string path) => new(Servers.BrokerUrl, path);

    public void Dispose()
    {
        Browser.Dispose();
        Apps.Dispose();
        Control.Dispose();
    }
}
