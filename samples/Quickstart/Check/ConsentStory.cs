using System.Net;

namespace TokenBroker.Samples.Quickstart.Check;

/// <summary>The person is asked, narrows what is asked for, and allows it; the app redeems the code.</summary>
internal sealed class ConsentStory(Stage stage, BareClient client)
{
    private Page _consent = null!;
    private string _code = "";

    public async Task PlayAsync(Report report, CancellationToken cancellationToken)
    {
        await report.StepAsync("an app's authorization request (PKCE S256) shows the consent page", AskAsync, cancellationToken);
        await report.StepAsync("a budget of nothing was refused, and the form kept", RefuseAsync, cancellationToken);
        await report.StepAsync("consent narrowed to $3, one day and no embeddings; 303 back with code", AllowAsync, cancellationToken);
        await report.StepAsync("the code gave tokens for what was allowed", RedeemAsync, cancellationToken);
    }

    private async Task AskAsync(CancellationToken cancellationToken)
    {
        _consent = await stage.Browser.OpenAsync(await client.AuthorizationRequestAsync(cancellationToken), cancellationToken);
        _consent.MustBe("/connect/authorize");
        Expect.That(_consent.Text("h1").StartsWith("Bare client wants to use", StringComparison.Ordinal), "the app's name in the heading", _consent.Words);
    }

    private async Task RefuseAsync(CancellationToken cancellationToken)
    {
        _consent.Write("Form.Budget", "0").Tick("Form.Scopes", "openai:embeddings", on: false);
        _consent = await stage.Browser.PressAsync(_consent.Button("Allow"), cancellationToken);
        _consent.MustBe("/connect/authorize");
        Expect.That(_consent.Words.Contains("amount", StringComparison.Ordinal), "a complaint about the budget", _consent.Words);
        Expect.That(!_consent.Has("input[value='openai:embeddings'][checked]"), "embeddings still unticked");
    }

    private async Task AllowAsync(CancellationToken cancellationToken)
    {
        var stored = _consent.Find("input[name='Form.KeyId']:not([value='new'])").GetAttribute("value")!;
        _consent.Tick("Form.KeyId", stored).Write("Form.Budget", "3").Select("Form.LifetimeDays", "1");
        var answer = await stage.Browser.PressAsync(_consent.Button("Allow"), cancellationToken);
        Expect.That(answer.Document is null, "a redirect to the app", answer.Words);
        Expect.Equal(HttpStatusCode.SeeOther, answer.Status, "the redirect");
        _code = client.CodeIn(answer.Address);
    }

    private async Task RedeemAsync(CancellationToken cancellationToken)
    {
        var (status, tokens) = await client.RedeemAsync(_code, cancellationToken);
        Expect.That(status == HttpStatusCode.OK, "200", $"{(int)status} {tokens["error"]} {tokens["error_description"]}");
        Expect.Equal("Bearer", BareClient.Text(tokens, "token_type"), "token_type");
        Expect.That((int?)tokens["expires_in"] is > 1700 and <= 1800, "half an hour", $"{tokens["expires_in"]} s");
        var scopes = BareClient.Text(tokens, "scope").Split(' ');
        Expect.That(scopes.Contains("openai:chat") && !scopes.Contains("openai:embeddings"), "the scopes that were allowed", string.Join(' ', scopes));
        client.Keep(tokens);
    }
}
