namespace TokenBroker.Authorization.Registration;

/// <summary>Why client metadata is not accepted (RFC 7591, section 3.2.2).</summary>
internal sealed record RegistrationRefusal
{
    public const string InvalidRedirectUri = "invalid_redirect_uri";
    public const string InvalidClientMetadata = "invalid_client_metadata";
    private const int LongestDescription = 300;

    public RegistrationRefusal(string error, string description)
    {
        // The client's own text may be quoted in it: an error_description is printable ASCII (RFC 6749, section 5.2).
        var printable = new string([.. description.Take(LongestDescription).Select(c => c is < ' ' or > '~' or '"' or '\\' ? '?' : c)]);
        (Error, Description) = (error, printable);
    }

    public string Error { get; }

    public string Description { get; }

    public static RegistrationRefusal Metadata(string description) => new(InvalidClientMetadata, description);
}
