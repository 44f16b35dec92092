using System.ClientModel;
using System.ClientModel.Primitives;
using System.Net;
using OpenAI.Chat;
using TokenBroker.Samples.SandboxUpstream;
using TokenBroker.Sdk;
using TokenBroker.Tests.Apps;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Gateway;

/// <summary>Each refusal of the real gateway as the exception that the app sees, asynchronous, synchronous and streamed.</summary>
public sealed class What_the_broker_refuses(SharedBroker shared)
{
    private const string Completions = "/openai/v1/chat/completions";

    private BrokerHost Broker => shared.Host;

    [Fact]
    public async Task Is_consent_required_where_nobody_connected_and_nothing_is_sent()
    {
        await using var app = await AppHost.StartAsync(Broker);

        var refused = await RefusedAsync<ConsentRequiredException>(app.Of("nobody").CreateChatClient("gpt-4o-mini"));

        refused.Should().AllSatisfy(exception => (exception.Code, exception.Status).Should().Be(("consent_required", 401)));
        app.Traffic.Requests.Should().BeEmpty();
    }

    [Fact]
    public async Task Is_grant_revoked_after_the_user_ended_it()
    {
        await using var app = await AppHost.StartAsync(Broker);
        using var person = await app.ConnectedPersonAsync("ada");
        await person.PressAsync("Sdk App", "Revoke");

        var call = () => app.Of("ada").CreateChatClient("gpt-4o-mini").CompleteChatAsync("Hello");

        var exception = (await call.Should().ThrowAsync<GrantRevokedException>()).Which;
        (exception.Code, exception.Status).Should().Be(("grant_revoked", 401));
        exception.PortalUrl.Should().Be(new Uri(Broker.Address + "/"));
        exception.RequestId.Should().NotBeNullOrEmpty();
        app.Traffic.To(Completions).Should().HaveCount(1);
        (await app.Of("ada").IsConnectedAsync()).Should().BeFalse("the connection is removed");
    }

    [Fact]
    public async Task Is_grant_revoked_for_a_synchronous_call_too()
    {
        await using var app = await AppHost.StartAsync(Broker);
        using var person = await app.ConnectedPersonAsync("ada");
        await person.PressAsync("Sdk App", "Revoke");

        var call = () => app.Of("ada").CreateChatClient("gpt-4o-mini").CompleteChat("Hello");

        call.Should().Throw<GrantRevokedException>();
        (await app.Of("ada").IsConnectedAsync()).Should().BeFalse();
    }

    [Fact]
    public async Task Is_grant_paused_until_the_user_resumes()
    {
        await using var app = await AppHost.StartAsync(Broker);
        using var person = await app.ConnectedPersonAsync("ada");
        await person.PressAsync("Sdk App", "Pause");
        var chat = app.Of("ada").CreateChatClient("gpt-4o-mini");

        var refused = await RefusedAsync<GrantPausedException>(chat);

        refused.Should().AllSatisfy(exception => (exception.Code, exception.Status).Should().Be(("grant_paused", 403)));
        refused[0].PortalUrl.Should().Be(new Uri(Broker.Address + "/"));
        (await app.Of("ada").IsConnectedAsync()).Should().BeTrue();
        await person.PressAsync("Sdk App", "Pause");
        (await chat.CompleteChatAsync("Hello")).Value.Content[0].Text.Should().Be(Reply.To("Hello"));
    }

    [Fact]
    public async Task Is_budget_exhausted_after_exactly_one_call()
    {
        await using var app = await AppHost.StartAsync(Broker);
        var key = BrokerHost.NewKey();
        using var person = await Person.WithKeyAsync(Broker, key);
        await app.ConnectAsync(person, "ada", new() { ["Form.Budget"] = "0.01" });

        var refused = await RefusedAsync<BudgetExhaustedException>(app.Of("ada").CreateChatClient("o1-pro"));

        refused.Should().AllSatisfy(exception => (exception.Code, exception.Status).Should().Be(("budget_exhausted", 402)));
        refused[0].Message.Should().Contain("It resets on");
        refused[0].PortalUrl!.AbsoluteUri.Should().StartWith(Broker.Address);
        app.Traffic.To(Completions).Should().HaveCount(refused.Count, "no try is repeated");
        Broker.Journal.Snapshot().Should().NotContain(exchange => exchange.Key == key && exchange.Method == "POST");
    }

    [Fact]
    public async Task Is_insufficient_scope_where_the_user_granted_less()
    {
        await using var app = await AppHost.StartAsync(Broker);
        using var person = await app.ConnectedPersonAsync("ada", new() { ["Form.Scopes"] = "openai:models" });
        var client = app.Of("ada").CreateOpenAIClient();

        var refused = await RefusedAsync<InsufficientScopeException>(client.GetChatClient("gpt-4o-mini"));
        var embedding = () => client.GetEmbeddingClient("text-embedding-3-small").GenerateEmbeddingAsync("Hello");

        refused.Should().AllSatisfy(exception => (exception.Code, exception.Status).Should().Be(("insufficient_scope", 403)));
        refused[0].Message.Should().Contain("openai:chat");
        await embedding.Should().ThrowAsync<InsufficientScopeException>();
        (await client.GetOpenAIModelClient().GetModelsAsync()).Value.Should().NotBeEmpty("what was granted still works");
    }

    [Fact]
    public async Task Is_model_not_allowed_where_the_user_chose_others()
    {
        await using var app = await AppHost.StartAsync(Broker);
        using var person = await app.ConnectedPersonAsync("ada", new() { ["Form.ModelChoice"] = "some", ["Form.Models"] = "gpt-4o-mini" });

        var refused = await RefusedAsync<ModelNotAllowedException>(app.Of("ada").CreateChatClient("gpt-4o"));

        refused.Should().AllSatisfy(exception => (exception.Code, exception.Status).Should().Be(("model_not_allowed", 403)));
        (await app.Of("ada").CreateChatClient("gpt-4o-mini").CompleteChatAsync("Hello")).Value.Content.Should().NotBeEmpty();
    }

    [Fact]
    public async Task Is_rate_limited_with_the_time_to_wait()
    {
        await using var broker = await BrokerHost.StartAsync(new() { ["Gateway:RequestsPerMinute"] = "1" });
        await using var app = await AppHost.StartAsync(broker);
        using var person = await app.ConnectedPersonAsync("ada");
        var chat = app.Of("ada").CreateChatClient("gpt-4o-mini", WithoutRetries);
        await chat.CompleteChatAsync("Hello");

        var refused = await RefusedAsync<RateLimitedException>(chat);

        refused.Should().AllSatisfy(exception =>
        {
            (exception.Code, exception.Status).Should().Be(("rate_limited", 429));
            exception.RetryAfter.Should().BePositive().And.BeLessThanOrEqualTo(TimeSpan.FromMinutes(1));
        });
    }

    [Fact]
    public async Task Is_upstream_unavailable_after_the_clients_own_retries()
    {
        await using var app = await AppHost.StartAsync(Broker);
        using var person = await app.ConnectedPersonAsync("ada");
        var chat = app.Of("ada").CreateChatClient("gpt-4o-mini", options => options.RetryPolicy = new ClientRetryPolicy(maxRetries: 1));

        var call = () => chat.CompleteChatAsync("[[fault:drop_before]]");

        var exception = (await call.Should().ThrowAsync<TokenBrokerException>()).Which;
        (exception.Code, exception.Status).Should().Be(("upstream_unavailable", 502));
        exception.RequestId.Should().NotBeNullOrEmpty();
        app.Traffic.To(Completions).Should().HaveCount(2).And.AllSatisfy(request => request.Answer.Should().Be(HttpStatusCode.BadGateway));
    }

    [Fact]
    public async Task Is_upstream_key_rejected_where_the_provider_refuses_the_users_key()
    {
        await using var app = await AppHost.StartAsync(Broker);
        using var person = await app.ConnectedPersonAsync("ada");

        var call = () => app.Of("ada").CreateChatClient("gpt-4o-mini").CompleteChatAsync("[[fault:unauthorized]]");

        var exception = (await call.Should().ThrowAsync<TokenBrokerException>()).Which;
        exception.Code.Should().Be("upstream_key_rejected");
        exception.PortalUrl.Should().Be(new Uri(Broker.Address + "/keys"));
    }

    [Fact]
    public async Task Is_broker_unavailable_where_there_is_no_broker_to_refresh_at()
    {
        await using var broker = await BrokerHost.StartAsync();
        await using var app = await AppHost.StartAsync(broker);
        using var person = await app.ConnectedPersonAsync("ada");
        await broker.StopBrokerAsync();

        var call = () => app.Of("ada").CreateChatClient("gpt-4o-mini", WithoutRetries).CompleteChatAsync("Hello");

        // The token is fresh, so the call itself meets the closed door: openai-dotnet's own exception, as without us.
        (await call.Should().ThrowAsync<ClientResultException>()).Which.Should().NotBeOfType<TokenBrokerException>();
    }

    [Fact]
    public async Task Is_told_apart_from_the_providers_own_errors()
    {
        await using var app = await AppHost.StartAsync(Broker);
        using var person = await app.ConnectedPersonAsync("ada");

        var call = () => app.Of("ada").CreateChatClient("gpt-4o-mini").CompleteChatAsync("[[delay:nonsense]]");

        var exception = (await call.Should().ThrowAsync<ClientResultException>()).Which;
        exception.Should().NotBeAssignableTo<TokenBrokerException>();
        exception.Status.Should().Be(400);
    }

    private static void WithoutRetries(OpenAI.OpenAIClientOptions options) => options.RetryPolicy = new ClientRetryPolicy(maxRetries: 0);

    /// <summary>The exceptions of an asynchronous, a synchronous and two streamed calls.</summary>
    private static async Task<IReadOnlyList<T>> RefusedAsync<T>(ChatClient chat)
        where T : TokenBrokerException
    {
        var async = () => chat.CompleteChatAsync("Hello");
        var sync = () => chat.CompleteChat("Hello");
        var streamed = async () =>
        {
            await foreach (var update in chat.CompleteChatStreamingAsync("Hello"))
            {
                update.Should().BeNull("no part of an answer may come");
            }
        };
        var streamedSync = () => chat.CompleteChatStreaming("Hello").Count();
        return
        [
            (await async.Should().ThrowExactlyAsync<T>()).Which,
            sync.Should().ThrowExactly<T>().Which,
            (await streamed.Should().ThrowExactlyAsync<T>()).Which,
            streamedSync.Should().ThrowExactly<T>().Which,
        ];
    }
}
