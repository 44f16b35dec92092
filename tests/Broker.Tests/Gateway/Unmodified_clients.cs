using System.ClientModel;
using System.Diagnostics;
using System.Text;
using OpenAI;
using OpenAI.Chat;
using OpenAI.Embeddings;
using OpenAI.Responses;
using TokenBroker.Samples.SandboxUpstream;
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
        var folder = await NodeClient.InstalledAsync();

        var (code, output) = await NodeClient.RunAsync("node", ["client.mjs"], folder, new()
        {
            ["OPENAI_BASE_URL"] = Endpoint.ToString(),
            ["OPENAI_API_KEY"] = connected.Tokens.AccessToken,
        });

        code.Should().Be(0, output);
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

    /// <summary>The npm package, installed once from its lock file into a folder that is no part of the sources.</summary>
    private static class NodeClient
    {
        private static readonly Lazy<Task<string>> s_installed = new(InstallAsync);

        public static Task<string> InstalledAsync() => s_installed.Value;

        public static async Task<(int Code, string Output)> RunAsync(string program, string[] arguments, string folder, Dictionary<string, string>? environment = null)
        {
            var start = new ProcessStartInfo(program, arguments) { WorkingDirectory = folder, UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true };
            foreach (var (name, value) in environment ?? [])
            {
                start.Environment[name] = value;
            }

            Process process;
            try
            {
                process = Process.Start(start)!;
            }
            catch (System.ComponentModel.Win32Exception exception)
            {
                throw new InvalidOperationException($"'{program}' was not found. This test needs Node.js 20 or later with npm on the path.", exception);
            }

            using (process)
            {
                using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(2));
                var output = process.StandardOutput.ReadToEndAsync(limit.Token);
                var errors = process.StandardError.ReadToEndAsync(limit.Token);
                await process.WaitForExitAsync(limit.Token);
                return (process.ExitCode, await output + (process.ExitCode == 0 ? "" : await errors));
            }
        }

        private static async Task<string> InstallAsync()
        {
            var sources = Path.Combine(AppContext.BaseDirectory, "Clients", "node");
            var folder = Path.Combine(AppContext.BaseDirectory, "node-client");
            Directory.CreateDirectory(folder);
            foreach (var file in Directory.GetFiles(sources))
            {
                File.Copy(file, Path.Combine(folder, Path.GetFileName(file)), overwrite: true);
            }

            // npm leaves this file behind when it is done: it tells whether what is there is what the lock file names.
            var installed = Path.Combine(folder, "node_modules", ".package-lock.json");
            if (!File.Exists(installed) || File.GetLastWriteTimeUtc(installed) < File.GetLastWriteTimeUtc(Path.Combine(sources, "package-lock.json")))
            {
                var (code, output) = await RunAsync("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"], folder);
                code.Should().Be(0, "the client must be installed: " + output);
            }

            return folder;
        }
    }
}
