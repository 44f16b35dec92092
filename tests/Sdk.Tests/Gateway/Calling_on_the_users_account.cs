using System.Net;
using OpenAI.Chat;
using TokenBroker.Samples.SandboxUpstream;
using TokenBroker.Sdk;
using TokenBroker.Tests.Apps;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Gateway;

public sealed class Calling_on_the_users_account(SharedBroker shared)
{
    private BrokerHost Broker => shared.Host;

    [Fact]
    public async Task Takes_one_changed_line()
    {
        await using var app = await AppHost.StartAsync(Broker);
        using var person = await app.ConnectedPersonAsync("ada");

        var chat = app.Of("ada").CreateChatClient("gpt-4o-mini");
        var models = app.Of("ada").CreateOpenAIClient().GetOpenAIModelClient();

        (await chat.CompleteChatAsync("Hello")).Value.Content[0].Text.Should().Be(Reply.To("Hello"));
        chat.CompleteChat("Hello").Value.Content[0].Text.Should().Be(Reply.To("Hello"));
        (await models.GetModelsAsync()).Value.Select(model => model.Id).Should().Contain("gpt-4o-mini");
        models.GetModels().Value.Should().NotBeEmpty();
    }

    [Fact]
    public async Task Streams()
    {
        await using var app = await AppHost.StartAsync(Broker);
        using var person = await app.ConnectedPersonAsync("ada");
        var chat = app.Of("ada").CreateChatClient("gpt-4o-mini");

        var streamed = "";
        await foreach (var update in chat.CompleteChatStreamingAsync("Hello"))
        {
            streamed += string.Concat(update.ContentUpdate.Select(part => part.Text));
        }

        streamed.Should().Be(Reply.To("Hello"));
        string.Concat(chat.CompleteChatStreaming("Hello").SelectMany(update => update.ContentUpdate).Select(part => part.Text)).Should().Be(Reply.To("Hello"));
    }

    [Fact]
    public async Task Keeps_two_users_apart()
    {
        await using var app = await AppHost.StartAsync(Broker);
        var (adas, bobs) = (BrokerHost.NewKey(), BrokerHost.NewKey());
        using var ada = await Person.WithKeyAsync(Broker, adas);
        using var bob = await Person.WithKeyAsync(Broker, bobs);
        await app.ConnectAsync(ada, "ada");
        await app.ConnectAsync(bob, "bob");

        await Task.WhenAll(Enumerable.Range(0, 40).Select(i => Task.Run(() =>
            app.Of(i % 2 == 0 ? "ada" : "bob").CreateChatClient("gpt-4o-mini").CompleteChatAsync($"From {(i % 2 == 0 ? adas : bobs)[^8..]}"))));

        var calls = Broker.Journal.Snapshot().Where(exchange => exchange.Method == "POST" && (exchange.Key == adas || exchange.Key == bobs)).ToList();
        calls.Should().HaveCount(40).And.AllSatisfy(call => call.Text.Should().Contain($"From {call.Key![^8..]}"));
    }

    [Fact]
    public async Task Sends_the_token_to_the_broker_alone()
    {
        await using var app = await AppHost.StartAsync(Broker);
        using var person = await app.ConnectedPersonAsync("ada");
        var arrived = Broker.Journal.Arrived;
        var before = app.Traffic.Requests.Count;
        Uri[] elsewhere =
        [
            new(Broker.SandboxAddress + "/v1"),
            new(Broker.Address.Replace("localhost", "127.0.0.1", StringComparison.Ordinal) + "/openai/v1"),
            new(Broker.Address.Replace("http://", "http://someone@", StringComparison.Ordinal) + "/openai/v1"),
            new(Broker.Address.Replace("http://", "https://", StringComparison.Ordinal) + "/openai/v1"),
            new("https://api.openai.com/v1"),
        ];

        foreach (var endpoint in elsewhere)
        {
            var chat = app.Of("ada").CreateChatClient("gpt-4o-mini", options => options.Endpoint = endpoint);
            var async = () => chat.CompleteChatAsync("Hello");
            var sync = () => chat.CompleteChat("Hello");

            (await async.Should().ThrowAsync<InvalidOperationException>()).WithMessage("Refused to send the user's access token to*Leave OpenAIClientOptions.Endpoint*");
            sync.Should().Throw<InvalidOperationException>();
        }

        app.Traffic.Requests.Should().HaveCount(before, "nothing may leave the app");
        Broker.Journal.Arrived.Should().BeGreaterThanOrEqualTo(arrived);
        Broker.Journal.Snapshot().Should().NotContain(exchange => exchange.Headers.Any(header => app.Traffic.Secrets.Any(secret => header.Value.Contains(secret, StringComparison.Ordinal))));
    }

    [Fact]
    public async Task Serves_other_clients_by_the_token_itself()
    {
        await using var app = await AppHost.StartAsync(Broker);
        using var person = await app.ConnectedPersonAsync("ada");

        using var answer = await new Api(Broker, await app.Of("ada").GetAccessTokenAsync()).ChatAsync();

        answer.StatusCode.Should().Be(HttpStatusCode.OK);
    }

    [Fact]
    public async Task Shows_a_broken_stream_as_an_exception()
    {
        await using var app = await AppHost.StartAsync(Broker);
        using var person = await app.ConnectedPersonAsync("ada");
        var chat = app.Of("ada").CreateChatClient("gpt-4o-mini");

        var read = () => ReadAsync(chat, "[[events:200]] [[delay:5]] [[fault:drop]]");

        await read.Should().ThrowAsync<IOException>("a cut answer must not look whole");
    }

    [Fact]
    public async Task Shows_a_stream_that_the_user_ended_as_an_exception_and_then_says_why()
    {
        await using var app = await AppHost.StartAsync(Broker);
        using var person = await app.ConnectedPersonAsync("ada");
        var chat = app.Of("ada").CreateChatClient("gpt-4o-mini");
        var begun = new TaskCompletionSource();

        var reading = ReadAsync(chat, "[[events:5000]] [[delay:20]]", () => begun.TrySetResult());
        await begun.Task.WaitAsync(TimeSpan.FromSeconds(20));
        await person.PressAsync("Sdk App", "Revoke");

        await FluentActions.Awaiting(() => reading.WaitAsync(TimeSpan.FromSeconds(20))).Should().ThrowAsync<IOException>();
        await FluentActions.Awaiting(() => chat.CompleteChatAsync("Hello")).Should().ThrowAsync<GrantRevokedException>();
    }

    [Fact]
    public async Task Stops_when_the_app_cancels()
    {
        await using var app = await AppHost.StartAsync(Broker);
        using var person = await app.ConnectedPersonAsync("ada");
        var chat = app.Of("ada").CreateChatClient("gpt-4o-mini");
        using var cancel = new CancellationTokenSource();

        var reading = ReadAsync(chat, "[[events:5000]] [[delay:20]]", cancel.Cancel, cancel.Token);

        await FluentActions.Awaiting(() => reading.WaitAsync(TimeSpan.FromSeconds(20))).Should().ThrowAsync<OperationCanceledException>();
        (await chat.CompleteChatAsync("Hello")).Value.Content.Should().NotBeEmpty("the connection is as it was");
    }

    [Fact]
    public async Task Tries_again_with_a_new_token_where_the_broker_does_not_know_the_present_one()
    {
        await using var app = await AppHost.StartAsync(Broker);
        using var person = await app.ConnectedPersonAsync("ada");
        var first = await app.Of("ada").GetAccessTokenAsync();
        await Broker.WithDatabaseAsync(async db =>
        {
            db.Tokens.RemoveRange(db.Tokens.Where(t => t.Application!.ClientId == app.Settings.ClientId && t.Type!.EndsWith("access_token")));
            return await db.SaveChangesAsync();
        });

        (await app.Of("ada").CreateChatClient("gpt-4o-mini").CompleteChatAsync("Hello")).Value.Content[0].Text.Should().Be(Reply.To("Hello"));

        (await app.Of("ada").GetAccessTokenAsync()).Should().NotBe(first);
        app.Traffic.To("/connect/token").Should().HaveCount(2);
        app.Traffic.To("/openai/v1/chat/completions").Select(request => request.Answer).Should().Equal(HttpStatusCode.Unauthorized, HttpStatusCode.OK);
    }

    [Fact]
    public async Task Leaves_an_injected_connection_to_its_request()
    {
        await using var app = await AppHost.StartAsync(Broker);

        var outside = () =>
        {
            using var scope = Microsoft.Extensions.DependencyInjection.ServiceProviderServiceExtensions.CreateScope(app.Services);
            return Microsoft.Extensions.DependencyInjection.ServiceProviderServiceExtensions.GetRequiredService<TokenBrokerConnection>(scope.ServiceProvider);
        };

        outside.Should().Throw<InvalidOperationException>().WithMessage("*Inject TokenBrokerConnections and call ForUser(userId)*");
    }

    private static async Task ReadAsync(ChatClient chat, string question, Action? onText = null, CancellationToken cancellationToken = default)
    {
        await foreach (var update in chat.CompleteChatStreamingAsync([new UserChatMessage(question)], cancellationToken: cancellationToken))
        {
            if (update.ContentUpdate.Count > 0)
            {
                onText?.Invoke();
            }
        }
    }
}
