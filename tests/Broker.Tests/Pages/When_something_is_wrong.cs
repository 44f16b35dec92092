using System.Net;
using Microsoft.EntityFrameworkCore;
using TokenBroker.Tests.Accounts;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Pages;

public sealed class When_something_is_wrong(SharedBroker shared)
{
    private BrokerHost Broker => shared.Host;

    [Theory]
    [InlineData("/nothing-here")]
    [InlineData("/keys/nothing-here")]
    [InlineData("/error")]
    [InlineData("/error/500")]
    [InlineData("/css/nothing.css")]
    [InlineData("/..%2f..%2fappsettings.json")]
    [InlineData("/Accounts/Session.cs")]
    public async Task An_address_that_is_not_there_says_so(string path)
    {
        using var person = new Person(Broker);

        using var response = await person.GetAsync(path);

        response.StatusCode.Should().Be(HttpStatusCode.NotFound);
        (await TitleAsync(response)).Should().Be("Nothing here");
    }

    [Fact]
    public async Task A_form_that_is_too_old_says_so()
    {
        using var person = new Person(Broker);

        using var response = await person.SendAsync(new HttpRequestMessage(HttpMethod.Post, "/sign-in") { Content = new FormUrlEncodedContent([]) });

        response.StatusCode.Should().Be(HttpStatusCode.BadRequest);
        (await TitleAsync(response)).Should().Be("That did not go through");
    }

    [Fact]
    public async Task The_answers_status_is_not_the_senders_to_choose()
    {
        using var person = new Person(Broker);

        using var response = await person.SendAsync(new HttpRequestMessage(HttpMethod.Post, "/sign-in?code=200")
        {
            Content = new FormUrlEncodedContent([KeyValuePair.Create("code", "200")]),
        });

        response.StatusCode.Should().Be(HttpStatusCode.BadRequest);
    }

    [Fact]
    public async Task A_form_that_is_too_large_is_refused_and_not_a_crash()
    {
        using var person = new Person(Broker);

        using var large = await person.PostAsync("/sign-in", new() { ["Email"] = new string('a', 300_000), ["Password"] = "b" });
        using var many = await person.SendAsync(new HttpRequestMessage(HttpMethod.Post, "/sign-in")
        {
            Content = new FormUrlEncodedContent(Enumerable.Range(0, 3000).Select(i => KeyValuePair.Create($"field{i}", "x"))),
        });
        using var longName = await person.PostAsync("/sign-in", new() { [new string('n', 5000)] = "x" });

        new[] { large, many, longName }.Should().AllSatisfy(response => ((int)response.StatusCode).Should().BeInRange(400, 499));
    }

    [Fact]
    public async Task Text_of_any_kind_is_no_crash()
    {
        using var person = new Person(Broker);

        foreach (var text in new[] { "\0", "\ud83e\udda6", "\u202e\u0000\u0007", "' OR 1=1 --", "{{7*7}}", "%00", new string('\u00e9', 2000) })
        {
            using var signIn = await person.SignInAsync(text, text);
            using var signUp = await person.SignUpAsync(text, text);
            signIn.StatusCode.Should().BeOneOf(HttpStatusCode.OK, HttpStatusCode.BadRequest);
            signUp.StatusCode.Should().BeOneOf(HttpStatusCode.OK, HttpStatusCode.BadRequest);
        }
    }

    [Fact]
    public async Task A_program_gets_no_page()
    {
        using var http = Broker.NewClient();

        using var response = await http.GetAsync("/nothing-here");

        response.StatusCode.Should().Be(HttpStatusCode.NotFound);
        (await response.Content.ReadAsStringAsync()).Should().BeEmpty();
    }

    [Fact]
    public async Task A_program_that_leaves_the_provider_out_of_the_address_is_told_the_right_one()
    {
        using var http = Broker.NewClient();

        using var response = await http.PostAsync("/v1/chat/completions", null);

        response.StatusCode.Should().Be(HttpStatusCode.NotFound);
        var (code, error) = await Api.ErrorAsync(response);
        code.Should().Be("not_found");
        error.GetProperty("message").GetString().Should().Contain($"{Broker.Address}/openai/v1");
    }

    [Fact]
    public async Task A_failure_of_the_broker_shows_a_page_and_nothing_of_why()
    {
        await using var broker = await BrokerHost.StartAsync();
        using var person = await Person.SignedUpAsync(broker);
        await broker.WithDatabaseAsync(db => db.Database.ExecuteSqlRawAsync("ALTER TABLE upstream_keys RENAME TO gone"));

        using var page = await person.GetAsync("/keys");
        using var form = await person.PostFromAsync("/account", "/keys?handler=Delete", new() { ["id"] = Guid.NewGuid().ToString() });

        foreach (var response in new[] { page, form })
        {
            response.StatusCode.Should().Be(HttpStatusCode.InternalServerError);
            (await TitleAsync(response)).Should().Be("Something broke");
            await TellsNothingAsync(response);
        }

        broker.Log.Lines.Should().Contain(
            line => line.StartsWith("Error Microsoft.AspNetCore.Diagnostics.ExceptionHandlerMiddleware", StringComparison.Ordinal)
                && line.Contains(PostgreSqlServer.IsForAll ? "relation \"upstream_keys\" does not exist" : "no such table: upstream_keys", StringComparison.Ordinal),
            "the operator must find it");
    }

    [Fact]
    public async Task A_failure_to_read_the_session_shows_a_page_too()
    {
        await using var broker = await BrokerHost.StartAsync();
        using var person = await Person.SignedUpAsync(broker);
        await broker.WithDatabaseAsync(db => db.Database.ExecuteSqlRawAsync("ALTER TABLE sessions RENAME TO gone"));

        using var response = await person.GetAsync("/keys");

        response.StatusCode.Should().Be(HttpStatusCode.InternalServerError);
        (await TitleAsync(response)).Should().Be("Something broke");
        await TellsNothingAsync(response);
    }

    private static async Task<string> TitleAsync(HttpResponseMessage response) =>
        (await Person.ParseAsync(response)).QuerySelector("h1")?.TextContent ?? "no page";

    private static async Task TellsNothingAsync(HttpResponseMessage response)
    {
        var text = await response.Content.ReadAsStringAsync();
        text.Should().NotContainAny("Sqlite", "Npgsql", "upstream_keys", "sessions", "   at ", "Exception", ".cs:");
    }
}
