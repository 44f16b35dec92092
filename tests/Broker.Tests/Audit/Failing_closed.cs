using System.Net;
using Microsoft.EntityFrameworkCore;
using TokenBroker.Tests.Authorization.Consent;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Audit;

/// <summary>Where a decision cannot be recorded it is not made: neither exists without the other.</summary>
public sealed class Failing_closed : IAsyncLifetime
{
    private BrokerHost _broker = null!;
    private Person _person = null!;

    public async ValueTask InitializeAsync()
    {
        _broker = await BrokerHost.StartAsync();
        _person = await Person.WithKeyAsync(_broker);
    }

    public async ValueTask DisposeAsync()
    {
        _person.Dispose();
        await _broker.DisposeAsync();
    }

    [Fact]
    public async Task Grants_nothing_and_stores_no_key()
    {
        var consent = await ConsentPage.OpenAsync(_person, new OAuthApp(_broker).AuthorizeUrl());
        var withKey = await ConsentPage.OpenAsync(_person, new OAuthApp(_broker, BrokerHost.OtherAppId).AuthorizeUrl());
        await BreakAsync();

        using var approved = await consent.AnswerAsync();
        using var approvedWithKey = await withKey.Set("Form.KeyId", "new").Set("Form.NewKey", BrokerHost.NewKey()).AnswerAsync();
        using var stored = await _person.PostAsync("/keys", new() { ["NewKey"] = BrokerHost.NewKey() }, "form[action='/keys']:has(#NewKey)");

        foreach (var response in (HttpResponseMessage[])[approved, approvedWithKey, stored])
        {
            response.StatusCode.Should().Be(HttpStatusCode.InternalServerError);
            response.Headers.Location.Should().BeNull();
        }

        (await CountsAsync()).Should().Be((1, 0, 1, 0));
    }

    [Fact]
    public async Task Changes_nothing_of_a_grant()
    {
        var app = new OAuthApp(_broker);
        var tokens = await app.ConnectAsync(_person);
        var api = new Api(_broker, tokens.AccessToken);
        var portal = await _person.PageAsync("/");
        var keys = await _person.PageAsync("/keys");
        var before = await CountsAsync();
        await BreakAsync();

        using var revoked = await _person.SubmitAsync(portal, "/", [], "li[data-app='Test App'] form[action*='handler=Revoke']");
        using var paused = await _person.SubmitAsync(portal, "/", [], "li[data-app='Test App'] form[action*='handler=Pause']");
        using var deleted = await _person.SubmitAsync(keys, "/keys", [], "form[action*='handler=Delete']");
        using var revokedByApp = await app.RevokeAsync(tokens.RefreshToken);

        foreach (var response in (HttpResponseMessage[])[revoked, paused, deleted, revokedByApp])
        {
            response.IsSuccessStatusCode.Should().BeFalse("nobody may be told that it is done");
            ((int)response.StatusCode).Should().BeGreaterThanOrEqualTo(500);
        }

        (await CountsAsync()).Should().Be(before);
        (await api.ChatAsync()).StatusCode.Should().Be(HttpStatusCode.OK, "the grant is as it was, in memory too");

        await MendAsync();
        await _person.PressAsync("Test App", "Revoke");
        (await Api.ErrorAsync(await api.ChatAsync())).Code.Should().Be("grant_revoked");
    }

    [Fact]
    public async Task Makes_no_account_and_no_session()
    {
        await BreakAsync();
        using var newcomer = new Person(_broker);

        using var signUp = await newcomer.PostAsync("/sign-up", new() { ["Email"] = newcomer.Email, ["Password"] = Person.Password });

        signUp.StatusCode.Should().NotBe(HttpStatusCode.SeeOther, "it did not succeed");
        newcomer.Cookies.GetAllCookies().Should().NotContain(c => c.Name.Contains("session"));
        (await CountsAsync()).Users.Should().Be(1);
    }

    private Task<(int Users, int Grants, int Keys, int Tokens)> CountsAsync() => _broker.WithDatabaseAsync(async db => (
        await db.Users.CountAsync(),
        await db.Grants.CountAsync(g => g.Status == "valid" && g.PausedAt == null),
        await db.UpstreamKeys.CountAsync(),
        await db.Tokens.CountAsync(t => t.Status == "valid")));

    private Task<int> BreakAsync() => _broker.WithDatabaseAsync(db => db.Database.ExecuteSqlRawAsync(PostgreSqlServer.IsForAll
        ? """
          CREATE FUNCTION no_audit() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION $$the audit table is not writable$$; END';
          CREATE TRIGGER no_audit BEFORE INSERT ON audit_events FOR EACH ROW EXECUTE FUNCTION no_audit();
          """
        : "CREATE TRIGGER no_audit BEFORE INSERT ON audit_events BEGIN SELECT RAISE(ABORT, 'the audit table is not writable'); END"));

    private Task<int> MendAsync() => _broker.WithDatabaseAsync(db => db.Database.ExecuteSqlRawAsync(
        PostgreSqlServer.IsForAll ? "DROP TRIGGER no_audit ON audit_events" : "DROP TRIGGER no_audit"));
}
