using Microsoft.EntityFrameworkCore;
using TokenBroker.Metering;
using TokenBroker.Samples.SandboxUpstream;

namespace TokenBroker.Tests.Host;

/// <summary>A person, their one key, and an app that they connected: what most calls begin with.</summary>
public sealed class Connected : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private Connected(BrokerHost host, Person person, string key, Tokens tokens, Guid grantId)
    {
        (Host, Person, Key, Tokens, GrantId) = (host, person, key, tokens, grantId);
        Api = new Api(host, tokens.AccessToken);
    }

    public BrokerHost Host { get; }

    public Person Person { get; }

    public string Key { get; }

    public Tokens Tokens { get; }

    public Api Api { get; }

    public Guid GrantId { get; }

    /// <summary>What the upstream received with this person's key, but for the check when the key was stored.</summary>
    public IReadOnlyList<Exchange> Received => [.. Host.Journal.Snapshot().Where(e => e.Key == Key).Skip(1)];

    /// <summary>Somebody who is connected already, and whose calls are made with another's key.</summary>
    public static Connected By(BrokerHost host, Person person, string key, Tokens tokens, Guid grantId) => new(host, person, key, tokens, grantId);

    /// <param name="host">The broker.</param>
    /// <param name="scope">What the app asks for.</param>
    /// <param name="budget">Dollars a month.</param>
    /// <param name="models">The only models that it may use, separated by spaces; any if not given.</param>
    /// <param name="key">The person's key.</param>
    public static async Task<Connected> AsAsync(
        BrokerHost host, string scope = OAuthApp.DefaultScope, string? budget = null, string? models = null, string? key = null)
    {
        key ??= BrokerHost.NewKey();
        var person = await Person.WithKeyAsync(host, key);
        var answer = new Dictionary<string, string>();
        if (budget is not null)
        {
            answer["Form.Budget"] = budget;
        }

        if (models is not null)
        {
            (answer["Form.ModelChoice"], answer["Form.OtherModels"]) = ("some", models);
        }

        var tokens = await new OAuthApp(host).ConnectAsync(person, scope, answer);
        var grant = await host.WithDatabaseAsync(async db =>
        {
            var userId = await db.Users.Where(u => u.UserName == person.Email || u.Email == person.Email).Select(u => u.Id).SingleAsync();
            return await db.Grants.Where(g => g.UserId == userId).Select(g => g.Id).SingleAsync();
        });
        return new Connected(host, person, key, tokens, grant);
    }

    /// <summary>The first finished exchange of a path.</summary>
    public Task<Exchange> ReceivedAsync(string path) => Host.Journal.WaitForAsync(e => e.Key == Key && e.Path == "/v1" + path, Patience);

    /// <summary>The usage rows once there are so many; they are written a moment after the calls.</summary>
    internal Task<List<Usage>> UsageAsync(int count = 1) => Eventually.IsAsync(
        () => Host.WithDatabaseAsync(db => db.Usage.AsNoTracking().Where(u => u.GrantId == GrantId).OrderBy(u => u.Id).ToListAsync()),
        rows => rows.Count >= count);

    internal Task<Spend> SpendAsync(int calls = 1) => Eventually.IsAsync(
        () => Host.WithDatabaseAsync(async db => await db.Spend.AsNoTracking().SingleOrDefaultAsync(s => s.OwnerId == GrantId && s.Period == SpendPeriods.Total) ?? new Spend()),
        spend => spend.Calls >= calls);

    public void Dispose() => Person.Dispose();
}
