namespace TokenBroker.Apps;

/// <summary>An app's picture, beside its row so that looking up a client does not read it. Served from the broker's own address only.</summary>
internal sealed class AppLogo
{
    public Guid AppId { get; set; }

    /// <summary>Found in the bytes, never taken from the upload: <c>image/png</c>, <c>image/jpeg</c> or <c>image/webp</c>.</summary>
    public required string ContentType { get; set; }

    public required byte[] Bytes { get; set; }

    public DateTime UpdatedAt { get; set; }
}
