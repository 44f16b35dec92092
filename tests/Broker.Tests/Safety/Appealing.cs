using System.Net;
using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using TokenBroker.Safety;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Safety;

public sealed class Appealing(SharedBroker shared)
{
    private const string Form = "form[action*='handler=Appeal']";

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Is_possible_once_and_lifts_what_it_is_against_where_it_is_accepted(bool accept)
    {
        using var operators = await Developer.SignedUpAsync(shared.Host, isOperator: true);
        using var connected = await Connected.AsAsync(shared.Host);
        var sanction = await operators.SanctionAsync(user: connected.Person.Email);
        var words = $"<b>It was my cat.</b> {Guid.NewGuid()}";

        (await WriteAsync(connected.Person, words)).Should().Contain("It waits to be read.").And.Contain(words, "it is shown as text");
        (await connected.Person.PageAsync("/safety")).QuerySelector(Form).Should().BeNull("there is one appeal");
        var appeal = await FindAsync(operators, words);
        appeal.Text("by").Should().Be(connected.Person.Email);
        using var decided = await operators.SendAsync(HttpMethod.Post, $"/safety/appeals/{appeal.Text("id")}/decide", new { accept, answer = "We have looked." });

        decided.StatusCode.Should().Be(HttpStatusCode.NoContent);
        (await connected.Person.NoticesAsync()).Should().Contain("We have looked.");
        (await SafetySteps.CodeOfAsync(connected.Api.ChatAsync())).Should().Be(accept ? "" : "user_suspended");
        using var again = await operators.SendAsync(HttpMethod.Post, $"/safety/appeals/{appeal.Text("id")}/decide", new { accept = true });
        again.StatusCode.Should().Be(HttpStatusCode.NotFound, "it is decided");
        (await shared.Host.AuditAsync("safety.appeal_decided")).Should().Contain(e => e.Target == $"sanction:{sanction}");
    }

    [Fact]
    public async Task Is_for_whom_it_meets_bounded_and_once_even_by_a_form_of_ones_own()
    {
        using var operators = await Developer.SignedUpAsync(shared.Host, isOperator: true);
        using var connected = await Connected.AsAsync(shared.Host);
        using var stranger = await Connected.AsAsync(shared.Host);
        var sanction = await operators.SanctionAsync(user: connected.Person.Email);
        await operators.SanctionAsync(user: stranger.Person.Email);

        await WriteAsync(stranger.Person, "Lift theirs.", new() { ["id"] = sanction.ToString() });
        await WriteAsync(connected.Person, new string('x', Appeal.LongestText + 1));
        await WriteAsync(connected.Person, "   ");
        (await shared.Host.WithDatabaseAsync(db => db.Appeals.CountAsync(a => a.SanctionId == sanction))).Should().Be(0);

        var page = await connected.Person.PageAsync("/safety");
        foreach (var text in (string[])["First.", "Second."])
        {
            using var posted = await connected.Person.SubmitAsync(page, "/safety", new() { ["text"] = text }, Form);
        }

        (await shared.Host.WithDatabaseAsync(db => db.Appeals.Where(a => a.SanctionId == sanction).Select(a => a.Text).ToListAsync())).Should().Equal("First.");
    }

    private static async Task<string> WriteAsync(Person person, string text, Dictionary<string, string>? more = null)
    {
        using var posted = await person.PostAsync("/safety", new(more ?? []) { ["text"] = text }, Form);
        posted.StatusCode.Should().Be(HttpStatusCode.SeeOther);
        return (await person.PageAsync("/safety")).QuerySelector("main")!.TextContent;
    }

    private static async Task<JsonElement> FindAsync(Developer operators, string text) =>
        (await operators.AskAsync(HttpMethod.Get, "/safety/appeals")).GetProperty("appeals").EnumerateArray().Single(a => a.Text("text") == text);
}
