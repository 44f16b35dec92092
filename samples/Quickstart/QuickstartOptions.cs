namespace TokenBroker.Samples.Quickstart;

/// <summary>How the three servers start. The defaults are those of a person who tries the broker.</summary>
public sealed class QuickstartOptions
{
    /// <summary>Broker at this port, sandbox 10 above, WebChat 100 above; taken ports are an error. Null: 5080, else free ones.</summary>
    public int? PortBase { get; init; }

    /// <summary>Where everything is kept. Null: <c>TokenBroker-Quickstart</c> in the user's local application data.</summary>
    public string? DataDirectory { get; init; }

    /// <summary>Forgets what an earlier run kept in the data directory.</summary>
    public bool Fresh { get; init; }

    /// <summary>Free ports and a temporary data directory, which is deleted at the stop. For checks and tests.</summary>
    public bool Throwaway { get; init; }

    /// <summary>The base URL of a provider; null for the sandbox.</summary>
    public Uri? Upstream { get; init; }

    /// <summary>Pause between two events of the sandbox's streams. Default: 15 ms, so that one sees an answer grow.</summary>
    public TimeSpan EventDelay { get; init; } = TimeSpan.FromMilliseconds(15);

    /// <summary>Apps to register beside WebChat.</summary>
    public IReadOnlyList<QuickstartApp> MoreApps { get; init; } = [];

    /// <summary>More configuration of the broker, as <c>--Section:Key=value</c>.</summary>
    public IReadOnlyList<string> BrokerArguments { get; init; } = [];

    /// <summary>The base URL of a provider, without a slash at its end; null with a complaint where it must not be one.</summary>
    internal static Uri? ReadUpstream(string text, out string? complaint)
    {
        var isGood = Uri.TryCreate(text, UriKind.Absolute, out var url)
            && (url.Scheme == Uri.UriSchemeHttps || (url.Scheme == Uri.UriSchemeHttp && url.IsLoopback))
            && url is { UserInfo: "", Query: "", Fragment: "" };
        complaint = isGood ? null : "takes an https address, or http on loopback, such as https://api.openai.com/v1.";
        return isGood ? url : null;
    }
}

/// <summary>An app to register; without a secret it is a public client.</summary>
public sealed record QuickstartApp(string ClientId, string? ClientSecret, string Name, Uri RedirectUri, IReadOnlyList<string> Scopes)
{
    /// <summary>Those of its scopes that people may untick.</summary>
    public IReadOnlyList<string> OptionalScopes { get; init; } = [];
}
