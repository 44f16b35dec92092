using System.Globalization;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using TokenBroker.Credit;
using TokenBroker.Grants;
using TokenBroker.Metering;
using TokenBroker.Samples.SandboxUpstream;
using TokenBroker.Tests.Host;
using TokenBroker.Upstreams;

namespace TokenBroker.Tests.Credit;

/// <summary>An app that has a key up, and a secret by which its users' credit is topped up.</summary>
internal sealed class Sponsored
{
    private readonly HttpClient _http;

    private Sponsored(BrokerHost host, string clientId, Guid sponsorId, string key, NewCreditSecret secret)
    {
        (Host, ClientId, SponsorId, Key, Secret) = (host, clientId, sponsorId, key, secret);
        _http = host.NewClient();
    }

    public BrokerHost Host { get; }

    public string ClientId { get; }

    public Guid SponsorId { get; }

    /// <summary>The sponsor's own upstream key.</summary>
    public string Key { get; }

    public NewCreditSecret Secret { get; }

    /// <summary>A key of idempotency of this test's own.</summary>
    public string Named(string key) => $"{key}-{Secret.Id:N}";

    public string Choice => "credit-" + SponsorId.ToString("N");

    /// <summary>What the upstream received with the sponsor's key, but for checks of it.</summary>
    public IReadOnlyList<Exchange> Received => [.. Host.Journal.Snapshot().Where(e => e.Key == Key && e.Path != "/v1/models")];

    /// <param name="host">The broker.</param>
    /// <param name="clientId">The app; null for the operator.</param>
    /// <param name="key">The key that is put up.</param>
    public static async Task<Sponsored> ByAsync(BrokerHost host, string? clientId = BrokerHost.AppId, string? key = null)
    {
        var sponsorId = clientId is null ? Purse.Operator : await host.WithDatabaseAsync(db => db.Apps.Where(a => a.ClientId == clientId).Select(a => a.Id).SingleAsync());
        key ??= BrokerHost.NewKey();
        await using var scope = host.Services.CreateAsyncScope();
        using var secret = TokenBroker.Custody.Secret.FromText(key);
        var upstream = host.Services.GetRequiredService<Catalogue>().Find("openai")!;
        (await scope.ServiceProvider.GetRequiredService<PutUpKey>().RunAsync(sponsorId, upstream, secret, "system", default)).Should().BeNull("the key must be stored");
        var secrets = scope.ServiceProvider.GetRequiredService<CreditSecrets>();
        foreach (var earlier in await secrets.ListAsync(sponsorId, default))
        {
            await secrets.RevokeAsync(sponsorId, earlier.Id, "system", default);
        }

        var made = await secrets.CreateAsync(sponsorId, "Test", "system", default);
        return new Sponsored(host, clientId ?? "", sponsorId, key, made!);
    }

    /// <summary>A person with a key of their own, whose calls credit pays for.</summary>
    public async Task<Guest> GuestAsync(string? topUp = null, string scope = OAuthApp.DefaultScope, string? clientId = null)
    {
        var ownKey = BrokerHost.NewKey();
        var person = await Person.WithKeyAsync(Host, ownKey);
        var tokens = await new OAuthApp(Host, clientId ?? (ClientId.Length > 0 ? ClientId : BrokerHost.AppId)).ConnectAsync(person, scope, new() { ["Form.KeyId"] = Choice, ["Form.Budget"] = "100" });
        var (userId, grantId) = await Host.WithDatabaseAsync(async db =>
        {
            var user = await db.Users.Where(u => u.Email == person.Email).Select(u => u.Id).SingleAsync();
            return (user, await db.Grants.Where(g => g.UserId == user).Select(g => g.Id).SingleAsync());
        });
        var guest = new Guest(this, person, ownKey, tokens, userId, grantId);
        if (topUp is not null)
        {
            using var answer = await TopUpAsync(guest, topUp);
            answer.StatusCode.Should().Be(System.Net.HttpStatusCode.Created, await answer.Content.ReadAsStringAsync());
        }

        return guest;
    }

    public Task<HttpResponseMessage> TopUpAsync(Guest guest, string amount, string? key = null) =>
        PostAsync("/top-ups", new { user = guest.UserId, amount }, key ?? Guid.NewGuid().ToString());

    public Task<HttpResponseMessage> PostAsync(string path, object body, string? key, string? secret = null)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, "/api/v1/credit" + path) { Content = JsonContent.Create(body) };
        request.Headers.Authorization = new("Bearer", secret ?? Secret.Text);
        if (key is not null)
        {
            request.Headers.Add("Idempotency-Key", Named(key));
        }

        return _http.SendAsync(request);
    }

    /// <summary>What a payment provider sends, signed by it.</summary>
    public Task<HttpResponseMessage> WebhookAsync(string type, object data, string id, DateTimeOffset? at = null, string? key = null, Guid? to = null, Func<string, string>? change = null, bool isChunked = false)
    {
        id = Named(id);
        var body = JsonSerializer.Serialize(new { type, timestamp = "2026-11-24T00:00:00Z", data });
        var timestamp = (at ?? Host.Clock?.GetUtcNow() ?? TimeProvider.System.GetUtcNow()).ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture);
        var signature = HMACSHA256.HashData(Convert.FromBase64String((key ?? Secret.SigningKey)["whsec_".Length..]), Encoding.UTF8.GetBytes($"{id}.{timestamp}.{body}"));
        var request = new HttpRequestMessage(HttpMethod.Post, $"/api/v1/credit/webhooks/{to ?? Secret.Id}")
        {
            Content = new StringContent(change?.Invoke(body) ?? body, Encoding.UTF8, "application/json"),
        };
        request.Headers.TransferEncodingChunked = isChunked;
        request.Headers.Add("webhook-id", id);
        request.Headers.Add("webhook-timestamp", timestamp);
        request.Headers.Add("webhook-signature", "v1,bm90IHRoaXMgb25l v1," + Convert.ToBase64String(signature));
        return _http.SendAsync(request);
    }

    /// <summary>Takes the key back, as the owner does.</summary>
    public async Task WithdrawAsync()
    {
        await using var scope = Host.Services.CreateAsyncScope();
        (await scope.ServiceProvider.GetRequiredService<WithdrawSponsorKey>().RunAsync(SponsorId, "openai", "system", default)).Should().NotBeNull();
    }

    public async Task<JsonElement> BalanceAsync(Guest guest)
    {
        var request = new HttpRequestMessage(HttpMethod.Get, $"/api/v1/credit/users/{guest.UserId}");
        request.Headers.Authorization = new("Bearer", Secret.Text);
        using var response = await _http.SendAsync(request);
        return await response.Content.ReadFromJsonAsync<JsonElement>();
    }

    /// <summary>Nothing may be wrong with the ledger, ever.</summary>
    public static async Task<CreditReport> VerifyAsync(BrokerHost host)
    {
        await using var scope = host.Services.CreateAsyncScope();
        return await scope.ServiceProvider.GetRequiredService<VerifyCredit>().RunAsync(default);
    }
}

/// <summary>A person whose calls are paid by credit.</summary>
internal sealed class Guest(Sponsored sponsor, Person person, string ownKey, Tokens tokens, Guid userId, Guid grantId) : IDisposable
{
    public Person Person => person;

    public Tokens Tokens => tokens;

    public Guid UserId => userId;

    public Guid GrantId => grantId;

    public Api Api { get; } = new(sponsor.Host, tokens.AccessToken);

    public AccountId Account => new(AccountKind.Credit, CreditAccount.IdOf(sponsor.SponsorId, userId));

    /// <summary>What was called with the person's own key, but for the check when it was stored.</summary>
    public IReadOnlyList<Exchange> WithOwnKey => [.. sponsor.Host.Journal.Snapshot().Where(e => e.Key == ownKey).Skip(1)];

    public Task<long> SpentAsync(int calls) => Eventually.IsAsync(
        () => sponsor.Host.WithDatabaseAsync(db => db.Spend.Where(s => s.Kind == AccountKind.Credit && s.OwnerId == Account.Id && s.Calls >= calls).Select(s => s.CostMicros).FirstOrDefaultAsync()),
        spent => spent > 0);

    public Task<long> BalanceAsync() => sponsor.Host.WithDatabaseAsync(db => db.CreditAccounts.Where(a => a.Id == Account.Id).Select(a => a.BalanceMicros).FirstOrDefaultAsync());

    public void Dispose() => person.Dispose();
}
