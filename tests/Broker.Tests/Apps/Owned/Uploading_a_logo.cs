using System.Buffers.Binary;
using System.Net;
using System.Text;
using AngleSharp.Html.Dom;
using TokenBroker.Apps.Logos;
using TokenBroker.Tests.Accounts;
using TokenBroker.Tests.Authorization.Consent;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Apps.Owned;

/// <summary>Checklist 33: a developer's picture is a picture, and stands for nobody until a reviewer has seen it.</summary>
[Trait("Checklist", "33")]
public sealed class Uploading_a_logo(SharedBroker shared)
{
    private BrokerHost Broker => shared.Host;

    private static byte[] Png(uint width = 64, uint height = 64, int size = 200)
    {
        var file = new byte[size];
        new byte[] { 0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A, 0, 0, 0, 13, 0x49, 0x48, 0x44, 0x52 }.CopyTo(file, 0);
        BinaryPrimitives.WriteUInt32BigEndian(file.AsSpan(16), width);
        BinaryPrimitives.WriteUInt32BigEndian(file.AsSpan(20), height);
        return file;
    }

    private static byte[] Jpeg(ushort width, ushort height) =>
        [0xFF, 0xD8, 0xFF, 0xE0, 0, 4, 1, 2, 0xFF, 0xC0, 0, 17, 8, (byte)(height >> 8), (byte)height, (byte)(width >> 8), (byte)width, 3, 0, 0];

    private static byte[] WebP(int width, int height)
    {
        byte[] file = [.. "RIFF"u8, 22, 0, 0, 0, .. "WEBPVP8X"u8, 10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        (file[24], file[25], file[27], file[28]) = ((byte)(width - 1), (byte)((width - 1) >> 8), (byte)(height - 1), (byte)((height - 1) >> 8));
        return file;
    }

    [Fact]
    public void Reads_type_and_size_from_the_bytes()
    {
        LogoImage.Read(Png(300, 200)).Should().Be(new LogoImage("image/png", 300, 200));
        LogoImage.Read(Jpeg(300, 200)).Should().Be(new LogoImage("image/jpeg", 300, 200));
        LogoImage.Read(WebP(300, 200)).Should().Be(new LogoImage("image/webp", 300, 200));
        LogoImage.Read([.. "RIFF"u8, 0, 0, 0, 0, .. "WEBPVP8L"u8, 0, 0, 0, 0, 0x2F, 0x2B, 0xC0, 0x31, 0, 0, 0, 0, 0, 0]).Should().Be(new LogoImage("image/webp", 44, 200));
        LogoImage.Read("<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"u8).Should().BeNull();
        LogoImage.Read("GIF89a...................................."u8).Should().BeNull();
        LogoImage.Read([]).Should().BeNull();
    }

    [Fact]
    public void Reads_what_is_cut_or_mad_as_no_picture_and_never_fails()
    {
        foreach (var whole in new[] { Png(), Jpeg(10, 10), WebP(10, 10) })
        {
            for (var length = 0; length < Math.Min(whole.Length, 33); length++)
            {
                LogoImage.Read(whole.AsSpan(0, length)).GetValueOrDefault().Width.Should().BeInRange(0, 64);
            }
        }

        LogoImage.Read(Png(uint.MaxValue, 1)).Should().BeNull();
        LogoImage.Read(Png(0, 1)).Should().BeNull();
        LogoImage.Read([0xFF, 0xD8, 0xFF, 0xE0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]).Should().BeNull("a segment of no length would be walked for ever");
    }

    [Theory]
    [InlineData("svg")]
    [InlineData("html")]
    [InlineData("large")]
    [InlineData("wide")]
    [InlineData("none")]
    public async Task Refuses_what_is_no_small_picture(string what)
    {
        using var developer = await Developer.SignedUpAsync(Broker);
        var app = await developer.NewAppAsync();
        byte[]? file = what switch
        {
            "svg" => Encoding.UTF8.GetBytes("<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"),
            "html" => Encoding.UTF8.GetBytes("<!doctype html><script>alert(1)</script>"),
            "large" => Png(size: AppLogos.MostBytes + 1),
            "wide" => Png(width: 1025),
            _ => null,
        };

        using var response = await UploadAsync(developer.Person, app, file);

        (await Browsing.ComplaintAsync(response)).Should().MatchRegex("Choose a (PNG|file)");
        (await developer.Person.GetAsync($"/apps/{app.ClientId}/logo")).StatusCode.Should().Be(HttpStatusCode.NotFound);
    }

    [Fact]
    public async Task Serves_it_as_a_picture_and_nothing_else()
    {
        using var developer = await Developer.SignedUpAsync(Broker);
        var app = await developer.NewAppAsync();
        using (var stored = await UploadAsync(developer.Person, app, Png()))
        {
            stored.StatusCode.Should().Be(HttpStatusCode.SeeOther);
        }

        using var logo = await developer.Person.GetAsync($"/apps/{app.ClientId}/logo");

        logo.Content.Headers.ContentType!.ToString().Should().Be("image/png", "it is found in the bytes; the upload said otherwise");
        logo.Headers.GetValues("X-Content-Type-Options").Should().Equal("nosniff");
        logo.Headers.GetValues("Content-Security-Policy").Should().Equal("default-src 'none'; sandbox");
        using var again = new HttpRequestMessage(HttpMethod.Get, $"/apps/{app.ClientId}/logo");
        again.Headers.IfNoneMatch.Add(logo.Headers.ETag!);
        (await developer.Person.SendAsync(again)).StatusCode.Should().Be(HttpStatusCode.NotModified);
    }

    [Fact]
    public async Task Shows_it_to_users_only_while_the_app_is_approved()
    {
        using var developer = await Developer.SignedUpAsync(Broker);
        using var reviewer = await Developer.SignedUpAsync(Broker, isOperator: true);
        using var person = await Person.WithKeyAsync(Broker);
        using var visitor = new Person(Broker);
        var app = await developer.NewAppAsync();
        using (await UploadAsync(developer.Person, app, Png()))
        {
        }

        (await SeenAsync()).Should().BeNull("an unreviewed app shows its first letter");
        (await visitor.GetAsync($"/apps/{app.ClientId}/logo")).StatusCode.Should().Be(HttpStatusCode.NotFound);
        (await person.GetAsync($"/apps/{app.ClientId}/logo")).StatusCode.Should().Be(HttpStatusCode.NotFound);
        (await reviewer.Person.GetAsync($"/apps/{app.ClientId}/logo")).StatusCode.Should().Be(HttpStatusCode.OK, "the reviewer looks at it");

        await developer.ApprovedByAsync(reviewer, app);
        (await SeenAsync()).Should().StartWith($"/apps/{app.ClientId}/logo?v=");
        (await visitor.GetAsync($"/apps/{app.ClientId}/logo")).StatusCode.Should().Be(HttpStatusCode.OK);

        using (await UploadAsync(developer.Person, app, Jpeg(10, 10)))
        {
        }

        (await SeenAsync()).Should().BeNull("another picture ends the approval");
        (await developer.Person.AuditAsync()).Should().EndWith(["app.logo_changed", "app.review_reset"]);

        async Task<string?> SeenAsync() =>
            (await ConsentPage.OpenAsync(person, app.AuthorizeUrl(Developer.AppScope))).Document.QuerySelector(".party img")?.GetAttribute("src");
    }

    [Fact]
    public async Task Of_a_submitted_app_makes_the_reviewer_look_again()
    {
        using var developer = await Developer.SignedUpAsync(Broker);
        using var reviewer = await Developer.SignedUpAsync(Broker, isOperator: true);
        var app = await developer.NewAppAsync();
        var seen = (await developer.AskAsync(HttpMethod.Post, $"/apps/{app.ClientId}/submit")).GetProperty("version").GetString();
        using (await UploadAsync(developer.Person, app, Png()))
        {
        }

        using var approve = await reviewer.SendAsync(HttpMethod.Post, $"/reviews/{app.ClientId}/approve", new { version = seen });

        approve.StatusCode.Should().Be(HttpStatusCode.Conflict);
    }

    private static async Task<HttpResponseMessage> UploadAsync(Person person, OAuthApp app, byte[]? file)
    {
        var page = await person.PageAsync($"/developer/{app.ClientId}");
        var token = ((IHtmlInputElement)page.QuerySelector("form[action*='handler=Logo'] input[name='__RequestVerificationToken']")!).Value;
        var form = new MultipartFormDataContent { { new StringContent(token), "__RequestVerificationToken" } };
        if (file is not null)
        {
            var part = new ByteArrayContent(file);
            part.Headers.ContentType = new("image/svg+xml");
            form.Add(part, "Logo", "logo.svg");
        }

        return await person.SendAsync(new HttpRequestMessage(HttpMethod.Post, $"/developer/{app.ClientId}?handler=Logo") { Content = form });
    }
}
