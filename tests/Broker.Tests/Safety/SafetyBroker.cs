using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using TokenBroker.Safety;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Safety;

/// <summary>Where everything is moderated, by the operator; a flag weighs little, so that tests do not meet sanctions by the way.</summary>
public sealed class ModeratingBroker : IAsyncLifetime
{
    public BrokerHost Host { get; private set; } = null!;

    public async ValueTask InitializeAsync() => Host = await BrokerHost.StartAsync(new()
    {
        ["Safety:Moderation:Mode"] = "On",
        ["Safety:Moderation:MostPieces"] = "40",
        ["Safety:Strikes:App:Warn"] = "900",
        ["Safety:Strikes:App:Suspend"] = "900",
        ["Safety:Strikes:App:Ban"] = "900",
    });

    public ValueTask DisposeAsync() => Host.DisposeAsync();
}

/// <summary>What tests of this folder ask of people, operators and the database.</summary>
internal static class SafetySteps
{
    public static async Task<string> CodeOfAsync(Task<HttpResponseMessage> call)
    {
        using var response = await call;
        return response.IsSuccessStatusCode ? "" : (await Api.ErrorAsync(response)).Code;
    }

    /// <summary>Sanctions as an operator, by the API.</summary>
    public static async Task<Guid> SanctionAsync(this Developer operators, string? user = null, string? app = null, int? days = null) =>
        (await operators.AskAsync(HttpMethod.Post, "/safety/sanctions", new { user, app, days, reason = "Because of a test." })).GetProperty("id").GetGuid();

    public static async Task LiftAsync(this Developer operators, Guid id)
    {
        using var lifted = await operators.SendAsync(HttpMethod.Post, $"/safety/sanctions/{id}/lift", new { note = "It was a mistake." });
        lifted.StatusCode.Should().Be(System.Net.HttpStatusCode.NoContent);
    }

    public static Task<List<(string Action, string Target, string Detail)>> AuditAsync(this BrokerHost host, string action) => host.WithDatabaseAsync(async db =>
        (await db.AuditEvents.AsNoTracking().Where(e => e.Action == action).OrderBy(e => e.Sequence).ToListAsync()).Select(e => (e.Action, e.Target, e.Detail)).ToList());

    public static Task<List<Strike>> StrikesAsync(this Connected connected) => connected.Host.WithDatabaseAsync(async db =>
    {
        var userId = await db.Users.Where(u => u.Email == connected.Person.Email).Select(u => u.Id).SingleAsync();
        return await db.Strikes.AsNoTracking().Where(s => s.UserId == userId).OrderBy(s => s.At).ToListAsync();
    });

    public static async Task<string> NoticesAsync(this Person person) => (await person.PageAsync("/notices")).QuerySelector("main")!.TextContent;

    /// <summary>Has everything that is sent on this person's keys moderated.</summary>
    public static async Task WantModerationAsync(this Person person)
    {
        using var wanted = await person.PostAsync("/safety", [], "form[action*='handler=Moderate']");
        wanted.StatusCode.Should().Be(System.Net.HttpStatusCode.SeeOther);
    }

    public static string Text(this JsonElement json, string name) => json.GetProperty(name).GetString()!;
}
