using System.Buffers.Text;
using System.Net;
using System.Security.Cryptography;

namespace TokenBroker.Samples.Quickstart.Check;

/// <summary>A person makes an account and stores a key.</summary>
internal sealed class AccountStory(Stage stage)
{
    public async Task PlayAsync(Report report, CancellationToken cancellationToken)
    {
        await report.StepAsync("all three answer", AnswerAsync, cancellationToken);
        await report.StepAsync("signed up with a password", SignUpAsync, cancellationToken);
        await report.StepAsync("a key that the provider does not know was not stored", RefuseKeyAsync, cancellationToken);
        await report.StepAsync("the sandbox key was stored and accepted", StoreKeyAsync, cancellationToken);
    }

    private async Task AnswerAsync(CancellationToken cancellationToken)
    {
        foreach (var address in new[] { stage.Broker("/health/ready"), stage.Servers.ChatUrl, new Uri(stage.Servers.SandboxUrl!, "/_sandbox/faults") })
        {
            using var response = await stage.Control.GetAsync(address, cancellationToken);
            Expect.Equal(HttpStatusCode.OK, response.StatusCode, address.AbsoluteUri);
        }
    }

    private async Task SignUpAsync(CancellationToken cancellationToken)
    {
        var start = await stage.Browser.OpenAsync(stage.Servers.BrokerUrl, cancellationToken);
        start.MustBe("/sign-in");

        var form = await stage.Browser.OpenAsync(stage.Broker("/sign-up"), cancellationToken);
        form.Write("Email", "someone@example.com").Write("Password", "quick " + Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(18)));
        var page = await stage.Browser.PressAsync(form.Button("Create account"), cancellationToken);
        page.MustBe("/");
        Expect.Equal("No app has access", page.Text(".empty h2"), "the new portal");
    }

    private async Task RefuseKeyAsync(CancellationToken cancellationToken)
    {
        var page = await AddKeyAsync("sk-sandbox-revoked-0123456789", cancellationToken);
        Expect.That(page.Words.Contains("Nothing was stored", StringComparison.Ordinal), "a complaint about the key", page.Words);
        Expect.That(page.Text(".empty h2") == "No key yet", "no key in the list");
    }

    private async Task StoreKeyAsync(CancellationToken cancellationToken)
    {
        var page = await AddKeyAsync(stage.Servers.SandboxKey, cancellationToken);
        Expect.Equal("Working", page.Text("li.row .badge"), "the key's state");
        Expect.Equal("My sandbox key", page.Text("li.row .row-title"), "the key's name");
    }

    private async Task<Page> AddKeyAsync(string key, CancellationToken cancellationToken)
    {
        var form = await stage.Browser.OpenAsync(stage.Broker("/keys"), cancellationToken);
        form.MustBe("/keys").Seal("NewKey", key).Write("Label", "My sandbox key");
        var page = await stage.Browser.PressAsync(form.Button("Add key"), cancellationToken);
        return page.MustBe("/keys");
    }
}
