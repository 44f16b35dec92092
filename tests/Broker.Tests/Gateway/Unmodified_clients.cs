using System.ClientModel;
using System.Text;
using OpenAI;
using OpenAI.Chat;
using OpenAI.Embeddings;
using OpenAI.Responses;
using TokenBroker.Samples.SandboxUpstream;
using TokenBroker.Tests.Clients;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Gateway;

/// <summary>The provider's own clients, with another address and a token for the key: nothing else may need to change.</summary>
public sealed class Unmodified_clients(SharedBroker shared)
{
    private BrokerHost Broker => shared.Host;

    private Uri Endpoint => new(Broker.Address + "/openai/v1");

    [Fact]
    public async Task Of_dotnet_chat()
    {
        using var connected = await Connected.AsAsync(Broker);

        ChatCompletion answer = await Chat(connected).CompleteChatAsync("Hello");

        answer.Content[0].Text.Should().Be(Reply.To("Hello"));
        answer.Usage.OutputTokenCount.Should().Be(TokenCount.Of(Reply.To("Hello")));
    }

    [Fact]
    public async Task Of_dotnet_stream_a_chat()
    {
        using var connected = await Connected.AsAsync(Broker);
        var text = new StringBuilder();

        await foreach (var update in Chat(connected).CompleteChatStreamingAsync("Hello"))
        {
            text.Append(update.ContentUpdate.Count > 0 ? update.ContentUpdate[0].Text : "");
        }

        text.ToString().Should().Be(Reply.To("Hello"));
    }

    [Fact]
    public async Task Of_dotnet_ask_for_embeddings()
    {
        using var connected = await Connected.AsAsync(Broker);
        var client = new EmbeddingClient("text-embedding-3-small", new ApiKeyCredential(connected.Tokens.AccessToken), new OpenAIClientOptions { Endpoint = Endpoint });

        OpenAIEmbedding answer = await client.GenerateEmbeddingAsync("Hello");

        answer.ToFloats().Length.Should().Be(1536);
    }

#pragma warning disable OPENAI001 // The client marks its Responses API as one that may change.
    [Fact]
    public async Task Of_dotnet_use_responses()
    {
        using var connected = await Connected.AsAsync(Broker);
        var client = new ResponsesClient(new ApiKeyCredential(connected.Tokens.AccessToken), new ResponsesClientOptions { Endpoint = Endpoint });

        ResponseResult answer = await client.CreateResponseAsync("gpt-4o-mini", "Hello");
        var text = new StringBuilder();
        await foreach (var update in await client.CreateResponseStreamingAsync("gpt-4o-mini", "Hello"))
        {
            text.Append(update is StreamingResponseOutputTextDeltaUpdate delta ? delta.Delta : "");
        }

        answer.GetOutputText().Should().Be(Reply.To("Hello"));
        text.ToString().Should().Be(Reply.To("Hello"));
    }
#pragma warning restore OPENAI001

    [Fact]
    public async Task Of_dotnet_see_an_exhausted_budget_as_one_402()
    {
        using var connected = await Connected.AsAsync(Broker, budget: "0.01");
        (await connected.Api.ChatAsync("[[events:50000]]", "gpt-4o")).Dispose();
        var client = new ChatClient("gpt-4o", new ApiKeyCredential(connected.Tokens.AccessToken), new OpenAIClientOptions { Endpoint = Endpoint });

        var refused = await FluentActions.Awaiting(() => client.CompleteChatAsync("Hello")).Should().ThrowAsync<ClientResultException>();

        refused.Which.Status.Should().Be(402);
        refused.Which.Message.Should().Contain("budget_exhausted");
    }

    [Fact]
    public async Task Of_dotnet_see_a_cut_stream_as_a_failure()
    {
        using var connected = await Connected.AsAsync(Broker);
        var read = async () =>
        {
            await foreach (var update in Chat(connected).CompleteChatStreamingAsync("[[events:50000]] [[delay:20]]"))
            {
                if (update.ContentUpdate is [{ Text: "word1" }])
                {
                    await connected.Person.PressAsync("Test App", "Revoke");
                }
            }
        };

        await read.Should().ThrowAsync<Exception>("a cut answer must not look whole");
    }

    [Fact]
    public async Task Of_node_do_all_of_it()
    {
        using var connected = await Connected.AsAsync(Broker);
        using var client = await NodeProgram.StartAsync("node", "client.mjs", new()
        {
            ["OPENAI_BASE_URL"] = Endpoint.ToString(),
            ["OPENAI_API_KEY"] = connected.Tokens.AccessToken,
        });

        var output = await client.EndsWellAsync();

        output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Should().Equal(
            "chat: " + Reply.To("Hello"),
            "stream: " + Reply.To("Hello"),
            "responses: " + Reply.To("Hello"),
            "responses stream: " + Reply.To("Hello"),
            "embedding: 1536",
            "models: true",
            "transcription: The sandbox received words.wav, 1000 bytes.",
            "refused: 403 model_not_allowed");
    }

    private ChatClient Chat(Connected connected) =>
        new("gpt-4o-mini", new ApiKeyCredential(connected.Tokens.AccessToken), new OpenAIClientOptions { Endpoint = Endpoint });
}
