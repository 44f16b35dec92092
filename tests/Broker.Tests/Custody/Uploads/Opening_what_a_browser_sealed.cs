using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using TokenBroker.Custody.Uploads;
using TokenBroker.Samples.Quickstart.Check;

namespace TokenBroker.Tests.Custody.Uploads;

/// <summary>
/// HPKE against published vectors. RFC 9180 prints DHKEM(P-256) with AES-128-GCM only (appendix A.3); the working group's
/// file that it points to (cfrg/draft-irtf-cfrg-hpke at 5f503c56, test-vectors.json) has the suite used here.
/// </summary>
[Trait("Checklist", "13")]
public sealed class Opening_what_a_browser_sealed
{
    private static readonly byte[] s_info = Convert.FromHexString("4f6465206f6e2061204772656369616e2055726e");
    private static readonly byte[] s_associated = "Count-0"u8.ToArray();
    private static readonly byte[] s_encapsulated = Convert.FromHexString(
        "04c06b4f6bebc7bb495cb797ab753f911aff80aefb86fd8b6fcc35525f3ab5f03e0b21bd31a86c6048af3cb2d98e0d3bf01da5cc4c39ff5370d331a4f1f7d5a4e0");

    private static readonly byte[] s_ciphertext = Convert.FromHexString(
        "58c61a45059d0c5704560e9d88b564a8b63f1364b8d1fcb3c4c6ddc1d291742465e902cd216f8908da49f8f96f");

    [Fact]
    public void Gives_the_vectors_text()
    {
        using var recipient = Recipient();
        using var opened = Hpke.Open(recipient, s_encapsulated, s_info, s_associated, s_ciphertext);

        opened.RevealText().Should().Be("Beauty is truth, truth beauty");
    }

    [Fact]
    public void Derives_the_vectors_keys()
    {
        using var recipient = Recipient();
        var schedule = Hpke.ScheduleOf(recipient, s_encapsulated, s_info);

        Hex(schedule.SharedSecret).Should().Be("48893fecd82f7c3456af6a42d8f56325d21e08c10fa81299986aaff54cde7b49");
        Hex(schedule.Key).Should().Be("ee16802a936d5f544771131900ee6973d0551de9e852ece2ef34bf0d5f9e1d1d");
        Hex(schedule.Nonce).Should().Be("9bc50980832a7b4b58c40161");
    }

    [Fact]
    public void Encapsulates_as_appendix_A_3_does()
    {
        using var recipient = Recipient(
            "f3ce7fdae57e1a310d87f1ebbde6f328be0a99cdbcadf4d6589cf29de4b8ffd2",
            "04fe8c19ce0905191ebc298a9245792531f26f0cece2460639e8bc39cb7f706a826a779b4cf969b8a0e539c7f62fb3d30ad6aa8f80e30f1d128aafd68a2ce72ea0");
        var enc = Convert.FromHexString(
            "04a92719c6195d5085104f469a8b9814d5838ff72b60501e2c4466e5e67b325ac98536d7b61a1af4b78e5b7f951c0900be863c403ce65c9bfcb9382657222d18c4");

        Hex(Hpke.ScheduleOf(recipient, enc, s_info).SharedSecret).Should().Be("c0d26aeab536609a572b07695d933b589dcf363ff9d93c93adea537aeabb8cb8");
    }

    /// <summary>A thousand messages of the same key schedule, as Go's crypto/hpke folds them together (testdata/rfc9180.json, encryptions_accumulated).</summary>
    [Fact]
    public void Derives_what_a_thousand_messages_are_sealed_with()
    {
        using var recipient = Recipient();
        var schedule = Hpke.ScheduleOf(recipient, s_encapsulated, s_info);
        using var aes = new AesGcm(schedule.Key, 16);
        var random = Shake128.HashData([], 600_000);
        using var all = new Shake128();
        var at = 0;
        byte[] Draw() => random[(at + 1)..(at += 1 + random[at])];
        for (ulong sequence = 0; sequence < 1000; sequence++)
        {
            byte[] associated = Draw(), plain = Draw(), ciphertext = new byte[plain.Length], tag = new byte[16], nonce = [.. schedule.Nonce];
            BinaryPrimitives.WriteUInt64BigEndian(nonce.AsSpan(4), BinaryPrimitives.ReadUInt64BigEndian(nonce.AsSpan(4)) ^ sequence);
            aes.Encrypt(nonce, plain, ciphertext, tag, associated);
            all.AppendData(ciphertext);
            all.AppendData(tag);
        }

        Hex(all.GetHashAndReset(16)).Should().Be("8d3263541fc1695b6e88ff3a1208577c");
    }

    [Fact]
    public void Opens_what_another_sender_seals()
    {
        using var recipient = Recipient();
        var (enc, ciphertext) = SealingBrowser.Seal(Hpke.PointOf(recipient), s_info, s_associated, "sk-test"u8.ToArray());

        using var opened = Hpke.Open(recipient, enc, s_info, s_associated, ciphertext);

        opened.RevealText().Should().Be("sk-test");
    }

    [Fact]
    public void Refuses_every_flipped_bit_of_it()
    {
        using var recipient = Recipient();
        for (var i = 0; i < (s_encapsulated.Length + s_ciphertext.Length) * 8; i++)
        {
            byte[] both = [.. s_encapsulated, .. s_ciphertext];
            both[i / 8] ^= (byte)(1 << (i % 8));

            var open = () => Hpke.Open(recipient, both.AsSpan(0, 65), s_info, s_associated, both.AsSpan(65));
            open.Should().Throw<CryptographicException>("bit {0} was changed", i);
        }
    }

    [Fact]
    public void Refuses_another_use_another_binding_and_another_recipient()
    {
        using var recipient = Recipient();
        using var other = ECDiffieHellman.Create(ECCurve.NamedCurves.nistP256);
        Action[] attempts =
        [
            () => Hpke.Open(recipient, s_encapsulated, "another use"u8, s_associated, s_ciphertext),
            () => Hpke.Open(recipient, s_encapsulated, s_info, "Count-1"u8, s_ciphertext),
            () => Hpke.Open(other, s_encapsulated, s_info, s_associated, s_ciphertext),
        ];

        attempts.Should().AllSatisfy(attempt => attempt.Should().Throw<CryptographicException>());
    }

    [Theory]
    [InlineData("")]
    [InlineData("00")]
    [InlineData("04")]
    [InlineData("02c06b4f6bebc7bb495cb797ab753f911aff80aefb86fd8b6fcc35525f3ab5f03e")] // compressed
    [InlineData("04" + "0000000000000000000000000000000000000000000000000000000000000000" + "0000000000000000000000000000000000000000000000000000000000000000")]
    [InlineData("04" + "ffffffff00000001000000000000000000000000ffffffffffffffffffffffff" + "66485c780e2f83d72433bd5d84a06bb6541c2af31dae871728bf856a174f93f4")] // x = p
    [InlineData("04" + "0000000000000000000000000000000000000000000000000000000000000001" + "0000000000000000000000000000000000000000000000000000000000000001")] // of another curve
    public void Refuses_what_is_no_point_of_the_curve(string point)
    {
        using var recipient = Recipient();

        var open = () => Hpke.ScheduleOf(recipient, Convert.FromHexString(point), s_info);

        open.Should().Throw<CryptographicException>();
    }

    [Fact]
    public void Refuses_less_than_a_tag()
    {
        using var recipient = Recipient();
        for (var length = 0; length < 16; length++)
        {
            var open = () => Hpke.Open(recipient, s_encapsulated, s_info, s_associated, s_ciphertext.AsSpan(0, length));
            open.Should().Throw<CryptographicException>();
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData("hpke1.")]
    [InlineData("hpke1.a.b")]
    [InlineData("hpke2.a.YQ.YQ")]
    [InlineData("hpke1.a.YQ.YQ.YQ")]
    [InlineData("hpke1.a.Y!.YQ")]
    [InlineData("hpke1.a.YQ.Y+/=")]
    public void Reads_no_upload_of_another_form(string posted)
    {
        SealedUpload.Read(posted).Should().BeNull();
        SealedUpload.Read("hpke1.a.YQ." + new string('Y', 10_000)).Should().BeNull("nobody's key is that long");
        Encoding.ASCII.GetString(SealedUpload.Read("hpke1.a.YQ.Yg")!.Ciphertext).Should().Be("b");
    }

    private static ECDiffieHellman Recipient(
        string secret = "317f915db7bc629c48fe765587897e01e282d3e8445f79f27f65d031a88082b2",
        string point = "04abc7e49a4c6b3566d77d0304addc6ed0e98512ffccf505e6a8e3eb25c685136f853148544876de76c0f2ef99cdc3a05ccf5ded7860c7c021238f9e2073d2356c")
    {
        var q = Convert.FromHexString(point);
        return ECDiffieHellman.Create(new ECParameters
        {
            Curve = ECCurve.NamedCurves.nistP256,
            D = Convert.FromHexString(secret),
            Q = new ECPoint { X = q[1..33], Y = q[33..] },
        });
    }

    private static string Hex(byte[] bytes) => Convert.ToHexStringLower(bytes);
}
