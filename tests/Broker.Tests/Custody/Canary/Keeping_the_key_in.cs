using System.Net;
using System.Net.Http.Headers;
using TokenBroker.Samples.SandboxUpstream;
using TokenBroker.Tests.Accounts;
using TokenBroker.Tests.Authorization.Consent;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Custody.Canary;

/// <summary>
/// Law 1: the key stays in. Canary keys are given to the broker by each way there is, everything is done to them that a
/// person, an app and a faulty provider can do, and then every byte that the broker let out is searched.
/// </summary>
[Trait("Checklist", "14")]
public sealed class Keeping_the_key_in
{
    private readonly string _key = KeySearch.NewKey();
    private readonly string _keyAtConsent = KeySearch.NewKey("inline");
    private readonly string _refusedKey = KeySearch.NewKey("test-revoked");

    [Fact]
    public async Task Through_everything_that_people_and_apps_do()
    {
        using var evidence = new Evidence();
        await using var broker = await StartAsync();
        using var person = await Person.SignedUpAsync(broker);
        await EnterKeysAsync(evidence, person);
        var app = new OAuthApp(broker);
        var tokens = await app.ConnectAsync(person, OAuthApp.DefaultScope + " openid email profile");
        evidence.Keep("app", tokens.Raw.ToString());
        await CallEverythingAsync(evidence, broker, tokens.AccessToken);
        await BeRefusedAsync(evidence, broker, person);
        using (var refreshed = await evidence.KeepAsync("app", await app.RefreshAsync(tokens.RefreshToken)))
        {
        }

        await evidence.KeepStoredAsync(broker);
        await broker.RestartBrokerAsync();
        await evidence.KeepAsync("app", await new Api(broker, tokens.AccessToken).ChatAsync());
        await evidence.KeepAsync("app", await app.RevokeAsync(tokens.RefreshToken));
        await evidence.KeepAsync("app", await new Api(broker, tokens.AccessToken).ChatAsync());
        foreach (var page in (string[])["/", "/keys", "/account", "/nowhere", "/connect/authorize?client_id=nobody"])
        {
            using var shown = await person.GetAsync(page);
        }

        using var deleted = await person.PostAsync("/keys", [], "form[action*='handler=Delete']");
        await CollectAndSearchAsync(evidence, broker, person);
    }

    [Fact]
    public async Task When_the_provider_fails_while_the_key_is_checked()
    {
        using var evidence = new Evidence();
        await using var broker = await StartAsync();
        using var person = await Person.SignedUpAsync(broker);
        foreach (var fault in (FaultKind[])[FaultKind.UnauthorizedFull, FaultKind.EchoKeyHeader, FaultKind.ServerError, FaultKind.Redirect, FaultKind.DropBefore, FaultKind.HugeHeader, FaultKind.RateLimited, FaultKind.ForbiddenScopes])
        {
            broker.Faults.Next(fault, path: "/v1/models");
            await person.AddKeyAsync(_key);
        }

        await CollectAndSearchAsync(evidence, broker, person);
    }

    private static Task<BrokerHost> StartAsync() => BrokerHost.StartAsync(Evidence.LogEverything);

    private async Task EnterKeysAsync(Evidence evidence, Person person)
    {
        (await person.AddKeyAsync(_key)).Should().BeNull();
        foreach (var bad in (string[])[_refusedKey, _key + new string('x', 600), "x" + _key, _key + " " + _key, _key + "\n" + _key])
        {
            (await person.AddKeyAsync(bad)).Should().NotBeNull("this is no key");
        }

        using var forged = await person.PostAsync("/keys", new() { ["NewKey"] = _key, ["__RequestVerificationToken"] = "none" }, "form[action='/keys']:has(#NewKey)");
        forged.StatusCode.Should().Be(HttpStatusCode.BadRequest);
        using var unknown = await person.PostAsync("/keys", new() { ["NewKey"] = _key, ["Upstream"] = "nowhere" }, "form[action='/keys']:has(#NewKey)");
        unknown.StatusCode.Should().Be(HttpStatusCode.NotFound);

        // As a page without its script would, which is refused unread; and a sealed key twice.
        using var plain = await person.PostFromAsync("/keys", "/keys", new() { ["NewKey"] = _key, ["Upstream"] = "openai" });
        plain.StatusCode.Should().Be(HttpStatusCode.OK);
        var form = await person.PageAsync("/keys");
        for (var i = 0; i < 2; i++)
        {
            using var sent = await person.SubmitAsync(form, "/keys", new() { ["NewKey"] = _refusedKey }, "form[action='/keys']:has(#NewKey)");
        }

        var app = new OAuthApp(person.Host, BrokerHost.OtherAppId);
        var page = await ConsentPage.OpenAsync(person, app.AuthorizeUrl());
        page.Set("Form.KeyId", "new").Set("Form.NewKey", _keyAtConsent);
        using (var wrong = await page.Set("Form.Budget", "-1").AnswerAsync())
        using (var refused = await (await page.AgainAsync(wrong)).Set("Form.Budget", "5").Set("Form.NewKey", _refusedKey).AnswerAsync())
        using (var forgedToo = await (await ConsentPage.OpenAsync(person, app.AuthorizeUrl())).Set("Form.KeyId", "new").Set("Form.NewKey", _keyAtConsent).Set("__RequestVerificationToken").AnswerAsync())
        {
            forgedToo.StatusCode.Should().Be(HttpStatusCode.BadRequest);
        }

        // A form that was answered is used up: the person goes on with the page that came back.
        page = await ConsentPage.OpenAsync(person, app.AuthorizeUrl());
        var tokens = await page.Set("Form.KeyId", "new").Set("Form.NewKey", _keyAtConsent).ApproveAsync(app);
        evidence.Keep("app", tokens.Raw.ToString());
        await evidence.KeepAsync("app", await new Api(person.Host, tokens.AccessToken).ChatAsync());
    }

    private static async Task CallEverythingAsync(Evidence evidence, BrokerHost broker, string token)
    {
        var api = new Api(broker, token);
        await evidence.KeepAsync("app", await api.ChatAsync());
        await evidence.KeepAsync("app", await api.OpenStreamAsync("Hello"));
        await evidence.KeepAsync("app", await api.GetAsync("/models"));
        await evidence.KeepAsync("app", await api.PostAsync("/completions", new { model = "gpt-3.5-turbo-instruct", prompt = "x", max_tokens = 5 }));
        await evidence.KeepAsync("app", await api.PostAsync("/responses", new { model = "gpt-4o-mini", input = "x" }));
        await evidence.KeepAsync("app", await api.PostAsync("/responses", new { model = "gpt-4o-mini", input = "x", stream = true }));
        await evidence.KeepAsync("app", await api.PostAsync("/embeddings", new { model = "text-embedding-3-small", input = "x" }));
        await evidence.KeepAsync("app", await api.PostAsync("/moderations", new { model = "omni-moderation-latest", input = "x" }));
        await evidence.KeepAsync("app", await api.PostAsync("/images/generations", new { model = "gpt-image-1", prompt = "x", size = "1024x1024", quality = "low" }));
        await evidence.KeepAsync("app", await api.PostAsync("/audio/speech", new { model = "gpt-4o-mini-tts", input = "x", voice = "alloy" }));
        using var sound = new MultipartFormDataContent { { new StringContent("gpt-4o-transcribe"), "model" } };
        sound.Add(new ByteArrayContent(new byte[3200]) { Headers = { ContentType = new MediaTypeHeaderValue("audio/wav") } }, "file", "a.wav");
        await evidence.KeepAsync("app", await api.SendAsync(HttpMethod.Post, "/audio/transcriptions", sound));
    }

    private static async Task BeRefusedAsync(Evidence evidence, BrokerHost broker, Person person)
    {
        foreach (var token in (string?[])[null, "x", new string('x', 9000)])
        {
            await evidence.KeepAsync("app", await new Api(broker, token).ChatAsync());
        }

        var app = new OAuthApp(broker, BrokerHost.PublicAppId);
        var narrow = new Api(broker, (await app.ConnectAsync(person, "openai:models")).AccessToken);
        await evidence.KeepAsync("app", await narrow.ChatAsync());
        await evidence.KeepAsync("app", await narrow.GetAsync("/organization/projects"));
        await evidence.KeepAsync("app", await narrow.PostRawAsync("/chat/completions", "{"));
        await person.PressAsync("Public App", "Pause");
        await evidence.KeepAsync("app", await narrow.GetAsync("/models"));
    }

    private async Task CollectAndSearchAsync(Evidence evidence, BrokerHost broker, Person person)
    {
        await evidence.KeepStoredAsync(broker);
        await broker.StopBrokerAsync();
        await evidence.KeepStoredAsync(broker);
        evidence.KeepBrowser(person);
        evidence.KeepLog(broker);
        evidence.Places.Should().Contain(["browser", "log", "file", "activity", "metric"]);
        foreach (var key in (string[])[_key, _keyAtConsent, _refusedKey])
        {
            evidence.HitsOf(new KeySearch(key)).Should().BeEmpty("no byte of the key may leave the broker");
        }
    }
}
