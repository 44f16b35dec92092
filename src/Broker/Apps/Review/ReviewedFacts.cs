using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.EntityFrameworkCore;
using TokenBroker.Storage;

namespace TokenBroker.Apps.Review;

/// <summary>What an app was when a step of its review was taken, as the audit log keeps it.</summary>
internal sealed record ReviewedFacts(
    [property: JsonPropertyName("client_id")] string? ClientId,
    [property: JsonPropertyName("name")] string? Name,
    [property: JsonPropertyName("homepage_host")] string? HomepageHost,
    [property: JsonPropertyName("redirect_hosts")] IReadOnlyList<string?> RedirectHosts,
    [property: JsonPropertyName("scopes")] IReadOnlyList<string> Scopes,
    [property: JsonPropertyName("note")] string? Note,
    [property: JsonPropertyName("by_owner")] bool ByOwner)
{
    public static ReviewedFacts Of(App app, string? note, bool byOwner) => new(
        app.ClientId,
        app.DisplayName,
        HostOf(app.HomepageUrl),
        [.. AppDetails.Of(app).RedirectUris.Select(HostOf).Distinct().Order()],
        [.. AppDetails.Of(app).Scopes.Order()],
        note,
        byOwner);

    /// <summary>Where an address leads as a person understands it: scheme and host. A private-use scheme is itself the name of who gets it.</summary>
    private static string? HostOf(string? address) =>
        !Uri.TryCreate(address, UriKind.Absolute, out var uri) ? null
        : uri.Scheme == Uri.UriSchemeHttps || uri.Scheme == Uri.UriSchemeHttp ? $"{uri.Scheme}://{uri.IdnHost}"
        : uri.Scheme + ":";

    /// <summary>What was last approved of this app.</summary>
    /// <returns>Null where it never was.</returns>
    public static async Task<ReviewedFacts?> LastApprovedAsync(BrokerDbContext db, App app, CancellationToken cancellationToken)
    {
        // By owner first: that is what the log is indexed by.
        var target = $"app:{app.Id}";
        var detail = await db.AuditEvents
            .Where(e => e.UserId == app.OwnerId && e.Target == target && e.Action == "app.approved")
            .OrderByDescending(e => e.Sequence)
            .Select(e => e.Detail)
            .FirstOrDefaultAsync(cancellationToken);
        return detail is null ? null : JsonSerializer.Deserialize<ReviewedFacts>(detail);
    }

    /// <summary>How the app differs from what was approved, in words for the reviewer. The logo is seen, not compared.</summary>
    public IEnumerable<string> ChangesTo(App app)
    {
        var now = Of(app, null, false);
        if (now.Name != Name)
        {
            yield return $"The name was “{Name}” and is “{now.Name}”.";
        }

        if (now.HomepageHost != HomepageHost)
        {
            yield return $"The homepage was at {HomepageHost ?? "no address"} and is at {now.HomepageHost ?? "no address"}.";
        }

        foreach (var host in now.RedirectHosts.Except(RedirectHosts))
        {
            yield return $"It sends people to {host}, which is new.";
        }

        foreach (var host in RedirectHosts.Except(now.RedirectHosts))
        {
            yield return $"It does not send people to {host} any more.";
        }

        foreach (var scope in now.Scopes.Except(Scopes))
        {
            yield return $"It asks for {scope}, which is new.";
        }

        foreach (var scope in Scopes.Except(now.Scopes))
        {
            yield return $"It does not ask for {scope} any more.";
        }
    }
}
