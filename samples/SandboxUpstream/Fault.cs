namespace TokenBroker.Samples.SandboxUpstream;

/// <summary>What can go wrong. On the wire each is named in snake case: <c>[[fault:rate_limited]]</c>.</summary>
public enum FaultKind
{
    /// <summary>401; the message quotes the ends of the key, as the provider's does.</summary>
    Unauthorized,

    /// <summary>401 whose message quotes the whole key.</summary>
    UnauthorizedFull,

    /// <summary>403: the key lacks a scope.</summary>
    ForbiddenScopes,

    /// <summary>403: the country is not served.</summary>
    ForbiddenCountry,

    /// <summary>429 with Retry-After and exhausted x-ratelimit headers.</summary>
    RateLimited,

    /// <summary>429: the account has no credit.</summary>
    InsufficientQuota,

    /// <summary>500.</summary>
    ServerError,

    /// <summary>503 with Retry-After.</summary>
    Unavailable,

    /// <summary>502 with a page of HTML from the edge instead of JSON.</summary>
    HtmlError,

    /// <summary>307 to another host.</summary>
    Redirect,

    /// <summary>Accepts the request and sends nothing until the caller goes away.</summary>
    Stall,

    /// <summary>Stops in the middle of the answer and holds the connection open.</summary>
    StallMidStream,

    /// <summary>Breaks the connection in the middle of the answer.</summary>
    Drop,

    /// <summary>Breaks the connection before any header.</summary>
    DropBefore,

    /// <summary>An error event in the middle of a stream; 500 where there is no stream.</summary>
    StreamError,

    /// <summary>Ends the stream early but cleanly: neither usage nor the closing event.</summary>
    EndEarly,

    /// <summary>The answer contains the key.</summary>
    EchoKey,

    /// <summary>The answer contains the key, split over two writes.</summary>
    EchoKeySplit,

    /// <summary>A response header contains the key.</summary>
    EchoKeyHeader,

    /// <summary>Status 200 with JSON that breaks off; in a stream, one such event in the middle.</summary>
    MalformedJson,

    /// <summary>The answer has no usage.</summary>
    NoUsage,

    /// <summary>A response header of 32 KB.</summary>
    HugeHeader,

    /// <summary>More cookies, one of them for the provider's whole domain.</summary>
    SetCookie,

    /// <summary>Waits before the answer and between its events.</summary>
    Slow,

    /// <summary>The answer is compressed with gzip, asked for or not.</summary>
    Gzip,
}

/// <summary>One fault with its particulars; what does not apply to the kind is ignored.</summary>
public sealed record Fault(FaultKind Kind)
{
    /// <summary>The faults in the middle of a stream come after this many events.</summary>
    public int AfterEvents { get; init; } = 3;

    /// <summary>Retry-After of <see cref="FaultKind.RateLimited"/> and <see cref="FaultKind.Unavailable"/>.</summary>
    public TimeSpan RetryAfter { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>Pause of <see cref="FaultKind.Slow"/>: four of them before the answer, one between two events.</summary>
    public TimeSpan Pause { get; init; } = TimeSpan.FromMilliseconds(250);

    /// <summary>Where <see cref="FaultKind.Redirect"/> points.</summary>
    public Uri Location { get; init; } = new("https://elsewhere.example/v1/collect");
}
