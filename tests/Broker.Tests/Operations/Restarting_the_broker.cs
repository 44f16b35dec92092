using System.Net;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Time.Testing;
using TokenBroker.Custody.Vaults.LocalFile;
using TokenBroker.Tests.Authorization;
using TokenBroker.Tests.Authorization.Consent;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Operations;

/// <summary>A restart on the same data and vault is not noticed; another vault opens nothing, and loses nothing.</summary>
public sealed class Restarting_the_broker
{
    private const string Scope = OAuthApp.DefaultScope + " openid email";

    [Fact]
    public async Task Keeps_everything_that_was_under_way()
    {
        // An answer is given again for ten seconds; however long the restart takes, they are not over.
        await using var broker = await BrokerHost.StartAsync(clock: new FakeTimeProvider(TimeProvider.System.GetUtcNow()));
        var key = BrokerHost.NewKey();
        using var person = await Person.WithKeyAsync(broker, key);
        var app = new OAuthApp(broker);
        var tokens = await app.ConnectAsync(person, Scope);
        var usedBefore = new Api(broker, tokens.AccessToken);
        (await usedBefore.ChatAsync()).StatusCode.Should().Be(HttpStatusCode.OK);
        var jwks = await IdToken.JwksAsync(broker);
        var retried = await RefreshAsync(app, tokens.RefreshToken);
        var other = new OAuthApp(broker, BrokerHost.OtherAppId);
        var form = await ConsentPage.OpenAsync(person, new OAuthApp(broker, BrokerHost.PublicAppId).AuthorizeUrl());
        var code = await other.CodeAsync(person);

        await broker.RestartBrokerAsync();

        using (var exchanged = await other.ExchangeAsync(code))
        {
            (await new Api(broker, (await OAuthApp.ReadAsync(exchanged)).AccessToken).ChatAsync()).StatusCode.Should().Be(HttpStatusCode.OK, "the code was not used yet");
        }

        (await person.PageAsync("/keys")).Body!.TextContent.Should().Contain(key[^4..], "the session goes on");
        (await new Api(broker, tokens.AccessToken).ChatAsync()).StatusCode.Should().Be(HttpStatusCode.OK);
        (await usedBefore.ChatAsync()).StatusCode.Should().Be(HttpStatusCode.OK);
        broker.Journal.Snapshot().Where(e => e.Path == "/v1/chat/completions").Should().OnlyContain(e => e.Key == key, "the stored key opens");
        (await RefreshAsync(app, tokens.RefreshToken)).RefreshToken.Should().Be(retried.RefreshToken, "an answer that was lost in the restart is given again");
        var next = await RefreshAsync(app, retried.RefreshToken);
        IdToken.IsSignedBy(next, jwks).Should().BeTrue("what signs now was published before");
        IdToken.IsSignedBy(tokens, await IdToken.JwksAsync(broker)).Should().BeTrue("what signed before is published now");
        using var answer = await form.AnswerAsync();
        ConsentPage.ParametersOf(answer).Should().ContainKey("code", "a form that was open goes through");
        (await person.PageAsync("/")).QuerySelectorAll("li[data-app]").Should().HaveCount(3);
    }

    [Fact]
    public async Task Keeps_what_was_ended_ended()
    {
        await using var broker = await BrokerHost.StartAsync();
        using var person = await Person.WithKeyAsync(broker);
        var app = new OAuthApp(broker);
        var tokens = await app.ConnectAsync(person);
        await person.PressAsync("Test App", "Revoke");

        await broker.RestartBrokerAsync();

        (await new Api(broker, tokens.AccessToken).ChatAsync()).StatusCode.Should().Be(HttpStatusCode.Unauthorized);
        using var refresh = await app.RefreshAsync(tokens.RefreshToken);
        (await OAuthApp.ErrorAsync(refresh)).Should().Be("invalid_grant");
    }

    [Fact]
    public async Task Refuses_to_start_without_the_vault_key_and_makes_no_other()
    {
        await using var broker = await BrokerHost.StartAsync();
        await broker.StopBrokerAsync();
        var file = Path.Combine(broker.DataDirectory, "vault.key");
        File.Move(file, file + ".kept");

        var start = broker.StartBrokerAsync;
        (await start.Should().ThrowAsync<InvalidOperationException>()).WithMessage("*vault.key is missing*Restore*");
        File.Exists(file).Should().BeFalse();

        File.Move(file + ".kept", file);
        await broker.StartBrokerAsync();
    }

    [Fact]
    public async Task Refuses_to_start_with_another_vault_key_and_loses_nothing()
    {
        await using var broker = await BrokerHost.StartAsync();
        using var person = await Person.WithKeyAsync(broker);
        var tokens = await new OAuthApp(broker).ConnectAsync(person);
        await broker.StopBrokerAsync();
        var vault = Path.Combine(broker.DataDirectory, "vault.key");
        File.Move(vault, vault + ".kept");
        LocalFileVault.LoadOrCreate(vault).Dispose();
        var before = await SealedAsync(broker);

        var start = broker.StartBrokerAsync;

        (await start.Should().ThrowAsync<KeyNotFoundException>()).Which.Message.Should().Contain("restore");
        SqliteConnection.ClearAllPools();
        (await SealedAsync(broker)).Should().Equal(before, "nothing may be made anew over what does not open");

        File.Move(vault + ".kept", vault, overwrite: true);
        await broker.StartBrokerAsync();
        (await new Api(broker, tokens.AccessToken).ChatAsync()).StatusCode.Should().Be(HttpStatusCode.OK);
        (await person.GetAsync("/keys")).StatusCode.Should().Be(HttpStatusCode.OK);
    }

    /// <summary>Everything that the vault sealed, as it lies in the database.</summary>
    private static async Task<List<string>> SealedAsync(BrokerHost broker)
    {
        await using var db = BareDatabase.Of(broker);
        List<string> rows =
        [
            .. (await db.ServerKeys.OrderBy(k => k.Id).Select(k => k.SealedPrivateKey).ToListAsync()).Select(Convert.ToHexString),
            .. (await db.UpstreamKeys.OrderBy(k => k.Id).Select(k => k.Envelope).ToListAsync()).Select(Convert.ToHexString),
            .. await db.DataProtectionKeys.OrderBy(k => k.Id).Select(k => k.Xml!).ToListAsync(),
        ];
        rows.Count.Should().BeGreaterThanOrEqualTo(4);
        return rows;
    }

    private static async Task<Tokens> RefreshAsync(OAuthApp app, string token)
    {
        using var response = await app.RefreshAsync(token);
        return await OAuthApp.ReadAsync(response);
    }
}
