using System.Text;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Gateway;

[Trait("Checklist", "27")]
public sealed class Refusing_a_form(PrivateBroker own) : IClassFixture<PrivateBroker>
{
    private const string Type = "multipart/form-data; boundary=x";

    [Theory]
    [InlineData("Content-Disposition: form-data; name=\"model\"\r\n\r\nwhisper-1\r\n--x\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\ngpt-4o-transcribe")]
    [InlineData("Content-Disposition: form-data; name=\"model\"\r\n\r\nwhisper-1\r\n--x\r\nContent-Disposition: form-data; name=\"MODEL\"\r\n\r\ngpt-4o-transcribe")]
    [InlineData("Content-Disposition: form-data; name=\"Model\"\r\n\r\nwhisper-1")]
    [InlineData("Content-Disposition: form-data; name=\"model\"; name=\"prompt\"\r\n\r\nwhisper-1")]
    [InlineData("Content-Disposition: form-data; name=\"model\"; name*=utf-8''prompt\r\n\r\nwhisper-1")]
    [InlineData("Content-Disposition: form-data; name=\"model\"; filename=\"model.txt\"\r\n\r\nwhisper-1")]
    [InlineData("Content-Disposition: form-data; name=\"mod\\\"el\"\r\n\r\nwhisper-1")]
    [InlineData("Content-Disposition: attachment; name=\"model\"\r\n\r\nwhisper-1")]
    [InlineData("Content-Type: text/plain\r\n\r\nwhisper-1")]
    [InlineData("Content-Disposition: form-data; name=\"stream\"\r\n\r\nyes")]
    [InlineData("Content-Disposition: form-data; name=\"n\"\r\n\r\n1000")]
    [InlineData("Content-Disposition: form-data; name=\"n\"\r\n\r\n-1")]
    public async Task That_can_be_read_in_two_ways(string part)
    {
        var file = "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\n\r\nsound\r\n";
        await RefusedAsync(Type, $"{file}--x\r\n{part}\r\n--x--\r\n", "invalid_request");
    }

    [Theory]
    [InlineData("--x\nContent-Disposition: form-data; name=\"model\"\n\ngpt-4o-transcribe\n", "")]
    [InlineData("--x a\n\nb\r\n", "")]
    [InlineData("\r\n", "")]
    [InlineData("", "--x\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\ngpt-4o-transcribe\r\n--x--\r\n")]
    [InlineData("", "--x\n")]
    public async Task That_has_something_around_its_parts(string before, string after) => await RefusedAsync(Type, before + Form("whisper-1") + after, "invalid_request");

    [Fact]
    public async Task That_has_more_parts_than_any_has() =>
        await RefusedAsync(Type, string.Concat(Enumerable.Repeat("--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n\r\n", 100)) + Form("whisper-1"), "invalid_request");

    [Theory]
    [InlineData("multipart/form-data; boundary=x; boundary=y")]
    [InlineData("multipart/form-data; boundary=x; charset=utf-7")]
    [InlineData("multipart/form-data")]
    [InlineData("multipart/mixed; boundary=x")]
    [InlineData("application/json")]
    public async Task Whose_type_can_be_read_in_two_ways(string type) => await RefusedAsync(type, Form("whisper-1"), "invalid_request");

    [Fact]
    public async Task That_is_cut_short() => await RefusedAsync(Type, "--x\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nwhis", "invalid_request");

    [Fact]
    public async Task Without_a_model() =>
        await RefusedAsync(Type, "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\n\r\nsound\r\n--x--\r\n", "model_not_allowed");

    [Theory]
    [InlineData("a-model-of-tomorrow")]
    [InlineData("")]
    [InlineData("whisper-1\n")]
    [InlineData("\u00ef\u00bb\u00bfwhisper-1")]
    public async Task Whose_model_has_no_price(string model) => await RefusedAsync(Type, Form(model), "model_not_allowed");

    private static string Form(string model) =>
        "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\n\r\nsound\r\n"
        + $"--x\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\n{model}\r\n--x--\r\n";

    private async Task RefusedAsync(string type, string body, string code)
    {
        var connected = await own.SomebodyAsync();
        var before = own.Host.Journal.Arrived;
        using var content = new ByteArrayContent(Encoding.Latin1.GetBytes(body));
        content.Headers.TryAddWithoutValidation("Content-Type", type);

        using var response = await connected.Api.SendAsync(HttpMethod.Post, "/audio/transcriptions", content);

        (await Api.ErrorAsync(response)).Code.Should().Be(code, await response.Content.ReadAsStringAsync());
        own.Host.Journal.Arrived.Should().Be(before, "a refused call is not sent");
    }
}
