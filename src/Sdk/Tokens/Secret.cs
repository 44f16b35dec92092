using System.Diagnostics;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Serialization;

using static System.Text.Encoding;

namespace TokenBroker.Sdk.Tokens;

/// <summary>
/// The one type that holds a token, a PKCE verifier or a client secret. It prints as REDACTED, cannot be serialised, and
/// gives its value through <see cref="Reveal"/> only, which is easy to search for.
/// </summary>
[DebuggerDisplay("REDACTED")]
[JsonConverter(typeof(RefusingConverter))]
internal sealed class Secret(string value)
{
    [DebuggerBrowsable(DebuggerBrowsableState.Never)]
    private readonly string value = value;

    public string Reveal() => value;

    public bool Matches(Secret? other) =>
        other is not null && CryptographicOperations.FixedTimeEquals(UTF8.GetBytes(value), UTF8.GetBytes(other.value));

    public override string ToString() => "REDACTED";

    private sealed class RefusingConverter : JsonConverter<Secret>
    {
        private const string Refusal = "A secret is never serialised. Reveal() it where it is needed.";

        public override Secret Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
            throw new NotSupportedException(Refusal);

        public override void Write(Utf8JsonWriter writer, Secret value, JsonSerializerOptions options) =>
            throw new NotSupportedException(Refusal);
    }
}
