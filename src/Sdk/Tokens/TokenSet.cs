using System.Text;

namespace TokenBroker.Sdk.Tokens;

/// <summary>The tokens of one connection, as the token endpoint gave them (RFC 6749 section 5.1), and its own sealed form.</summary>
internal sealed class TokenSet
{
    private const byte FormatVersion = 1;

    public required Secret AccessToken { get; init; }

    /// <summary>Null where the user did not grant offline_access.</summary>
    public required Secret? RefreshToken { get; init; }

    public required IReadOnlyList<string> Scopes { get; init; }

    /// <summary>When the user connected; kept over refreshes.</summary>
    public required DateTimeOffset ConnectedAt { get; init; }

    /// <summary>From here on the access token is refreshed before it is used.</summary>
    public required DateTimeOffset RefreshAt { get; init; }

    public required DateTimeOffset ExpiresAt { get; init; }

    public byte[] ToBytes()
    {
        using var buffer = new MemoryStream();
        using var writer = new BinaryWriter(buffer, Encoding.UTF8);
        writer.Write(FormatVersion);
        writer.Write(AccessToken.Reveal());
        writer.Write(RefreshToken?.Reveal() ?? "");
        writer.Write(string.Join(' ', Scopes));
        writer.Write(ConnectedAt.UtcTicks);
        writer.Write(RefreshAt.UtcTicks);
        writer.Write(ExpiresAt.UtcTicks);
        writer.Flush();
        return buffer.ToArray();
    }

    /// <summary>Reads <see cref="ToBytes"/>; null for the format of another version of the SDK.</summary>
    public static TokenSet? FromBytes(byte[] bytes)
    {
        using var reader = new BinaryReader(new MemoryStream(bytes), Encoding.UTF8);
        if (reader.ReadByte() != FormatVersion)
        {
            return null;
        }

        return new TokenSet
        {
            AccessToken = new Secret(reader.ReadString()),
            RefreshToken = reader.ReadString() is { Length: > 0 } refresh ? new Secret(refresh) : null,
            Scopes = reader.ReadString().Split(' ', StringSplitOptions.RemoveEmptyEntries),
            ConnectedAt = new DateTimeOffset(reader.ReadInt64(), TimeSpan.Zero),
            RefreshAt = new DateTimeOffset(reader.ReadInt64(), TimeSpan.Zero),
            ExpiresAt = new DateTimeOffset(reader.ReadInt64(), TimeSpan.Zero),
        };
    }
}
