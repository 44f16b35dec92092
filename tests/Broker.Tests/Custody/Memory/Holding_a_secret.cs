using System.Reflection;
using System.Text.Json;
using TokenBroker.Custody;

namespace TokenBroker.Tests.Custody;

public sealed class Holding_a_secret
{
    private const string Text = "sk-test-secret-0123456789";

    [Fact]
    public void Prints_as_redacted()
    {
        using var secret = Secret.FromText(Text);

        secret.ToString().Should().Be("REDACTED");
        $"{secret}".Should().Be("REDACTED");
        string.Concat("key: ", secret).Should().Be("key: REDACTED");
    }

    [Fact]
    public void Refuses_to_become_JSON_alone_or_inside_something()
    {
        using var secret = Secret.FromText(Text);

        foreach (var value in (object[])[secret, new { Key = secret }, new[] { secret }, new Dictionary<string, Secret> { ["key"] = secret }])
        {
            var serialise = () => JsonSerializer.Serialize(value);
            serialise.Should().Throw<NotSupportedException>().Which.Message.Should().NotContain(Text);
        }

        var read = () => JsonSerializer.Deserialize<Secret>("\"x\"");
        read.Should().Throw<NotSupportedException>();
    }

    [Fact]
    public void Is_zero_after_it_was_disposed()
    {
        var secret = Secret.FromText(Text);
        var bytes = (byte[])typeof(Secret).GetField("_bytes", BindingFlags.NonPublic | BindingFlags.Instance)!.GetValue(secret)!;
        bytes.Should().NotContain((byte)0);

        secret.Dispose();

        bytes.Should().OnlyContain(b => b == 0);
        var reveal = () => secret.RevealText();
        reveal.Should().Throw<ObjectDisposedException>();
        secret.Dispose();
    }

    [Fact]
    public void Keeps_its_own_copy()
    {
        byte[] bytes = [1, 2, 3];
        using var secret = new Secret(bytes);

        bytes[0] = 9;

        secret.Reveal(span => span.ToArray()).Should().Equal(1, 2, 3);
    }

    [Fact]
    public void Offers_no_conversion_and_no_public_value()
    {
        typeof(Secret).GetMethods(BindingFlags.Public | BindingFlags.Static)
            .Should().NotContain(m => m.Name == "op_Implicit" || m.Name == "op_Explicit");
        typeof(Secret).GetProperties(BindingFlags.Public | BindingFlags.Instance).Select(p => p.Name).Should().Equal("Length");
        typeof(Secret).GetFields(BindingFlags.Public | BindingFlags.Instance).Should().BeEmpty();
    }
}
