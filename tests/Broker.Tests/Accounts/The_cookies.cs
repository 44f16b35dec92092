using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Accounts;

public sealed class The_cookies(SharedBroker shared)
{
    [Fact]
    public async Task Are_out_of_reach_of_scripts_other_sites_and_other_hosts()
    {
        using var person = new Person(shared.Host);
        using var form = await person.GetAsync("/sign-up");
        using var done = await person.SubmitAsync(await Person.ParseAsync(form), "/sign-up", new() { ["Email"] = person.Email, ["Password"] = Person.Password });
        using var options = await person.PostFromAsync("/account", "/account/passkeys?handler=PasskeyOptions", [], "application/json");
        using var flash = await person.PostAsync("/account", [], "form[action='/sign-out']");

        var cookies = new[] { form, done, options, flash }.SelectMany(response => response.Headers.TryGetValues("Set-Cookie", out var set) ? set : []).ToList();

        cookies.Select(cookie => cookie.Split('=')[0]).Should().Contain(
            ["tokenbroker.antiforgery", "tokenbroker.session", "tokenbroker.passkey", "tokenbroker.flash"]);
        cookies.Should().AllSatisfy(cookie =>
        {
            var attributes = cookie.ToLowerInvariant();
            attributes.Should().Contain("; httponly").And.Contain("; path=/").And.NotContain("; domain=");
            attributes.Should().MatchRegex("; samesite=(lax|strict)");
        });
        cookies.Where(cookie => cookie.StartsWith("tokenbroker.session", StringComparison.Ordinal)).Should().AllSatisfy(cookie =>
            cookie.Should().Contain("; samesite=lax", "an app's redirect must find the person signed in"));
    }

    [Fact]
    public async Task Over_https_are_secure_and_bound_to_the_host()
    {
        var folder = Directory.CreateTempSubdirectory("tokenbroker-certificate-");
        var file = Path.Combine(folder.FullName, "broker.pfx");
        await File.WriteAllBytesAsync(file, Certificate());
        var address = $"https://localhost:{Ports.Next()}";
        await using var broker = await BrokerHost.StartAsync(new()
        {
            ["urls"] = address,
            ["Broker:PublicUrl"] = address,
            ["Kestrel:Certificates:Default:Path"] = file,
        });
        var cookies = new CookieContainer();
        using var http = new HttpClient(new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            CookieContainer = cookies,
            SslOptions = { RemoteCertificateValidationCallback = (_, certificate, _, _) => certificate?.Subject == "CN=localhost" },
        })
        { BaseAddress = new Uri(address) };
        var page = await Person.ParseAsync(await http.GetAsync("/sign-up"));
        using var response = await http.PostAsync("/sign-up", new FormUrlEncodedContent(new Dictionary<string, string>
        {
            ["Email"] = "ada@example.com",
            ["Password"] = Person.Password,
            ["__RequestVerificationToken"] = page.QuerySelector("input[name='__RequestVerificationToken']")!.GetAttribute("value")!,
        }));

        response.StatusCode.Should().Be(HttpStatusCode.SeeOther);
        cookies.GetAllCookies().Should().HaveCount(2).And.AllSatisfy(cookie =>
        {
            cookie.Secure.Should().BeTrue();
            cookie.HttpOnly.Should().BeTrue();
            cookie.Name.Should().StartWith("__Host-", "a neighbour under the same domain cannot plant it");
        });
        folder.Delete(recursive: true);
    }

    private static byte[] Certificate()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var now = TimeProvider.System.GetUtcNow();
        using var certificate = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256).CreateSelfSigned(now.AddDays(-1), now.AddDays(1));
        return certificate.Export(X509ContentType.Pkcs12);
    }
}
