using System.CommandLine;
using System.Globalization;
using TokenBroker.Safety;

namespace TokenBroker.Operations.Safety;

/// <summary><c>safety strikes|bans|ban|lift|appeals|decide</c>. What they change reaches a broker that runs with its next re-check.</summary>
internal static class SafetyCommands
{
    private const string Actor = "operator:cli";

    public static Command Create(string[] configuration)
    {
        var json = new Option<bool>("--json") { Description = "Print JSON." };
        var user = new Option<string?>("--user") { Description = "The address of an account." };
        var app = new Option<string?>("--app") { Description = "The client id of an app." };

        var strikes = new Command("strikes", "What moderation flagged, the latest first; of everybody, or of one user or app.") { user, app, json };
        strikes.SetAction((result, cancellationToken) => WithAsync(configuration, services =>
            StrikesAsync(services, result.GetValue(user), result.GetValue(app), result.GetValue(json), cancellationToken), cancellationToken));

        var all = new Option<bool>("--all") { Description = "Those that are over or lifted, too." };
        var bans = new Command("bans", "The suspensions and bans in force.") { all, json };
        bans.SetAction((result, cancellationToken) => WithAsync(configuration, services =>
            BansAsync(services, result.GetValue(all), result.GetValue(json), cancellationToken), cancellationToken));

        var days = new Option<int?>("--days") { Description = "Suspend for so many days, 1 to 3650. Without it, a ban until it is lifted." };
        var reason = new Option<string>("--reason") { Description = "For whom it meets to read.", Required = true };
        var ban = new Command("ban", "Suspend or ban a user or an app: its calls end, no token is given, no grant is lost.") { user, app, days, reason, json };
        ban.SetAction((result, cancellationToken) => WithAsync(configuration, services => BanAsync(
            services, result.GetValue(user), result.GetValue(app), result.GetValue(days), result.GetRequiredValue(reason), result.GetValue(json), cancellationToken), cancellationToken));

        var id = new Argument<Guid>("id") { Description = "As 'safety bans' or 'safety appeals' shows it." };
        var note = new Option<string?>("--note") { Description = "For whom it met to read." };
        var lift = new Command("lift", "End a suspension or ban. Strikes from before it are forgiven.") { id, note, json };
        lift.SetAction((result, cancellationToken) => WithAsync(configuration, async services =>
        {
            Require(
                await services.GetRequiredService<ApplySanction>().LiftAsync(result.GetRequiredValue(id), Actor, result.GetValue(note), cancellationToken),
                "No such suspension or ban is in force.");
            Say(result.GetValue(json), new { lifted = result.GetRequiredValue(id) }, "Lifted. Its grants work again.");
        }, cancellationToken));

        var appeals = new Command("appeals", "The appeals that wait for a decision.") { json };
        appeals.SetAction((result, cancellationToken) => WithAsync(configuration, services => AppealsAsync(services, result.GetValue(json), cancellationToken), cancellationToken));

        var accept = new Option<bool>("--accept") { Description = "Lift what it is against." };
        var reject = new Option<bool>("--reject") { Description = "Let it stay." };
        var decide = new Command("decide", "Decide an appeal, with --accept or --reject.") { id, accept, reject, note, json };
        decide.SetAction((result, cancellationToken) => WithAsync(configuration, async services =>
        {
            Require(result.GetValue(accept) != result.GetValue(reject), "Say either --accept or --reject.");
            Require(
                await services.GetRequiredService<Appeals>().DecideAsync(result.GetRequiredValue(id), result.GetValue(accept), result.GetValue(note), Actor, cancellationToken),
                "No such appeal waits.");
            Say(result.GetValue(json), new { decided = result.GetRequiredValue(id), accepted = result.GetValue(accept) }, result.GetValue(accept) ? "Accepted: it is lifted." : "Rejected: it stays.");
        }, cancellationToken));
        return new Command("safety", "Strikes, suspensions, bans and appeals.") { strikes, bans, ban, lift, appeals, decide };
    }

    private static async Task StrikesAsync(IServiceProvider services, string? user, string? app, bool json, CancellationToken cancellationToken)
    {
        var desk = services.GetRequiredService<SafetyDesk>();
        var subject = user is null && app is null ? (Subject?)null : await desk.FindAsync(user, app, cancellationToken);
        var strikes = await desk.StrikesAsync(subject, cancellationToken);
        Say(json, new { strikes }, Lines(strikes.Select(s => string.Create(
            CultureInfo.InvariantCulture, $"{s.At:u}  {s.User}  {s.App ?? "-"}  {s.Categories}  user {s.UserWeight / 1000m:0.###}, app {s.AppWeight / 1000m:0.###}"))));
    }

    private static async Task BansAsync(IServiceProvider services, bool all, bool json, CancellationToken cancellationToken)
    {
        var sanctions = await services.GetRequiredService<SafetyDesk>().SanctionsAsync(all, cancellationToken);
        Say(json, new { sanctions }, Lines(sanctions.Select(s => string.Create(
            CultureInfo.InvariantCulture,
            $"{s.Id}  {s.User ?? s.App}  {(s.Until is { } until ? $"suspended until {until:u}" : "banned")}{(s.LiftedAt is null ? "" : ", lifted")}  by {s.By}: {s.Reason}"))));
    }

    private static async Task BanAsync(IServiceProvider services, string? user, string? app, int? days, string reason, bool json, CancellationToken cancellationToken)
    {
        Require(days is null or (>= 1 and <= 3650), "--days is between 1 and 3650.");
        var subject = await services.GetRequiredService<SafetyDesk>().FindAsync(user, app, cancellationToken);
        DateTime? until = days is { } count ? services.GetRequiredService<TimeProvider>().GetUtcNow().UtcDateTime.AddDays(count) : null;
        var made = await services.GetRequiredService<ApplySanction>().RunAsync(subject, until, reason, Actor, cancellationToken);
        Require(made is not null, "A suspension or ban at least as long is in force. See 'safety bans'.");
        Say(json, new { id = made, until }, $"{user ?? app} is {(until is { } end ? string.Create(CultureInfo.InvariantCulture, $"suspended until {end:u}") : "banned")}. Lift it with 'safety lift {made}'.");
    }

    private static async Task AppealsAsync(IServiceProvider services, bool json, CancellationToken cancellationToken)
    {
        var appeals = await services.GetRequiredService<SafetyDesk>().AppealsAsync(cancellationToken);
        Say(json, new { appeals }, Lines(appeals.Select(a => string.Create(CultureInfo.InvariantCulture, $"{a.Id}  {a.At:u}  {a.By}, against {a.SanctionId}:{Environment.NewLine}  {a.Text}"))));
    }

    private static string Lines(IEnumerable<string> lines) => string.Join(Environment.NewLine, lines.DefaultIfEmpty("None."));

    private static void Say(bool json, object facts, string words) =>
        Console.WriteLine(json ? System.Text.Json.JsonSerializer.Serialize(facts, Apps.Api.ApiBody.Json) : words);

    private static void Require(bool condition, string complaint)
    {
        if (!condition)
        {
            throw new InvalidOperationException(complaint);
        }
    }

    private static Task<int> WithAsync(string[] configuration, Func<IServiceProvider, Task> work, CancellationToken cancellationToken) => CommandLine.ExplainAsync(
        "Nothing was changed or listed",
        async () =>
        {
            await using var app = BrokerApplication.Create(configuration);
            await using var scope = app.Services.CreateAsyncScope();
            await CommandLine.RequireDatabaseAsync(scope.ServiceProvider, cancellationToken);
            await work(scope.ServiceProvider);
            return 0;
        });
}
