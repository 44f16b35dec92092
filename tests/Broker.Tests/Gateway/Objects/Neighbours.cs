using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Microsoft.Extensions.DependencyInjection;
using TokenBroker.Tests.Host;
using TokenBroker.Upstreams;

namespace TokenBroker.Tests.Gateway.Objects;

/// <summary>
/// Two users and two apps on one provider account, by one key: whatever keeps them apart is the broker. Each operation
/// without a price has a ceiling, so that all can be called.
/// </summary>
public sealed partial class Neighbours : IAsyncLifetime
{
    public static readonly string Scopes = OAuthApp.DefaultScope + " " + string.Join(' ', OAuthApp.ObjectScopes.Where(scope => scope != "openai:account"));

    private static readonly JsonSerializerOptions ByName = new() { Converters = { new System.Text.Json.Serialization.JsonStringEnumConverter() } };

    private readonly Dictionary<string, string> _made = [];
    private Connected? _owner;
    private Connected? _otherUser;
    private Api? _wide;

    public BrokerHost Host { get; private set; } = null!;

    public Connected Owner => _owner!;

    /// <summary>The owner's app, on behalf of another user with the same key.</summary>
    public Api OtherUser => _otherUser!.Api;

    /// <summary>Another app of the owner.</summary>
    public Api OtherApp { get; private set; } = null!;

    internal Upstream OpenAi => Host.Services.GetRequiredService<Catalogue>().Find("openai")!;

    internal static IReadOnlyList<OperationOptions> Operations { get; } = Read();

    public async ValueTask InitializeAsync()
    {
        // Nobody asks the provider what work in the background has cost while tests count who asks it.
        Host = await BrokerHost.StartAsync(new(Ceilings()) { ["Gateway:JobPoll"] = "00:10:00" });
        _owner = await Connected.AsAsync(Host, Scopes, budget: "1000");
        _otherUser = await Connected.AsAsync(Host, Scopes, budget: "1000", key: Owner.Key);
        OtherApp = new Api(Host, (await new OAuthApp(Host, BrokerHost.OtherAppId).ConnectAsync(Owner.Person, Scopes, new() { ["Form.Budget"] = "1000" })).AccessToken);
    }

    public async ValueTask DisposeAsync()
    {
        _owner?.Dispose();
        _otherUser?.Dispose();
        await Host.DisposeAsync();
    }

    /// <summary>A token of the owner's own app that reaches the whole account.</summary>
    public async Task<Api> WideAsync() =>
        _wide ??= new Api(Host, (await new OAuthApp(Host).ConnectAsync(Owner.Person, Scopes + " openai:account", new() { ["Form.Budget"] = "1000" })).AccessToken);

    /// <summary>The id of an object of this kind that the owner made, once for all tests.</summary>
    public async Task<string> OwnedAsync(string kind) => _made.TryGetValue(kind, out var id) ? id : _made[kind] = await MakeAsync(Owner.Api, kind, OwnedAsync);

    /// <summary>Makes an object through the gateway.</summary>
    /// <param name="api">Who makes it.</param>
    /// <param name="kind">What.</param>
    /// <param name="needed">Gives the ids of what it is made in or from.</param>
    public async Task<string> MakeAsync(Api api, string kind, Func<string, Task<string>> needed)
    {
        if (kind == "run")
        {
            // Its thread is made with it.
            var started = await SendAsync(api, "/threads/runs", Json($$"""{"assistant_id":"{{await needed("assistant")}}"}"""));
            _made["thread"] = started["thread_id"]!.ToString();
            return started["id"]!.ToString();
        }

        (string Path, HttpContent Body) request = kind switch
        {
            "file" => ("/files", Form([("purpose", "user_data")], "file")),
            "upload" => ("/uploads", Json("""{"filename":"a","purpose":"user_data","bytes":3,"mime_type":"text/plain"}""")),
            "upload_part" => ($"/uploads/{await needed("upload")}/parts", Form([], "data")),
            "vector_store" => ("/vector_stores", Json("""{"name":"Plums"}""")),
            "file_batch" => ($"/vector_stores/{await needed("vector_store")}/file_batches", Json($$"""{"file_ids":["{{await needed("file")}}"]}""")),
            "batch" => ("/batches", Json($$"""{"input_file_id":"{{await InputAsync(api)}}","endpoint":"/v1/embeddings","completion_window":"24h"}""")),
            "fine_tuning_job" => ("/fine_tuning/jobs", Json($$"""{"model":"gpt-4o-mini","training_file":"{{await needed("file")}}"}""")),
            "response" => ("/responses", Json("""{"model":"gpt-4o-mini","input":"Hello","store":true}""")),
            "completion" => ("/chat/completions", Json("""{"model":"gpt-4o-mini","messages":[{"role":"user","content":"Hello"}],"store":true}""")),
            "conversation" => ("/conversations", Json("{}")),
            "container" => ("/containers", Json("""{"name":"Box"}""")),
            "video" => ("/videos", Json("""{"prompt":"A plum"}""")),
            "character" => ("/videos/characters", Form([("name", "Plum")], "video")),
            "eval" => ("/evals", Json("""{"data_source_config":{"type":"custom"},"testing_criteria":[]}""")),
            "eval_run" => ($"/evals/{await needed("eval")}/runs", Json("""{"data_source":{"type":"jsonl"}}""")),
            "assistant" => ("/assistants", Json("""{"model":"gpt-4o-mini"}""")),
            "thread" => ("/threads", Json("{}")),
            _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "Say how to make one."),
        };
        return (await SendAsync(api, request.Path, request.Body))["id"]!.ToString();
    }

    /// <summary>A file of one call, for a batch.</summary>
    private static async Task<string> InputAsync(Api api)
    {
        var line = """{"custom_id":"1","method":"POST","url":"/v1/embeddings","body":{"model":"text-embedding-3-small","input":"A plum"}}""";
        return (await SendAsync(api, "/files", SampleCall.FormOf([("purpose", "batch")], "file", "a.jsonl", Encoding.UTF8.GetBytes(line))))["id"]!.ToString();
    }

    /// <summary>A request of an operation, on objects of the owner.</summary>
    internal async Task<(HttpMethod Method, string Path, HttpContent? Body)> RequestAsync(OperationOptions operation)
    {
        var path = operation.Path;
        foreach (Match segment in Kinds().Matches(operation.Path))
        {
            var kind = segment.Groups[1].Value;
            if (kind == "thread" && operation.Path.Contains("{run}", StringComparison.Ordinal))
            {
                await OwnedAsync("run");
            }

            path = path.Replace(segment.Value, OpenAi.OwnedKinds.Contains(kind) ? await OwnedAsync(kind) : "abc_123", StringComparison.Ordinal);
        }

        return (new HttpMethod(operation.Method), path, operation.Body switch
        {
            BodyKind.None => null,
            BodyKind.Upload or BodyKind.Multipart => Form([], "data"),
            _ => Json("{}"),
        });
    }

    public static StringContent Json(string json) => new(json, Encoding.UTF8, "application/json");

    private static MultipartFormDataContent Form((string, string)[] fields, string file) => SampleCall.FormOf(fields, (file, "a.bin", 100));

    private static async Task<JsonNode> SendAsync(Api api, string path, HttpContent body)
    {
        using var response = await api.SendAsync(HttpMethod.Post, path, body);
        response.IsSuccessStatusCode.Should().BeTrue(path + ": " + await response.Content.ReadAsStringAsync());
        return (await response.Content.ReadFromJsonAsync<JsonNode>())!;
    }

    private static Dictionary<string, string> Ceilings() => Operations
        .Where(operation => operation.Kind == OperationKind.Unpriced)
        .ToDictionary(operation => "Upstreams:openai:CeilingMicros:" + operation.Name, _ => "1000");

    private static List<OperationOptions> Read()
    {
        using var embedded = typeof(BrokerApplication).Assembly.GetManifestResourceStream("TokenBroker.Upstreams.openai.json")!;
        using var catalogue = JsonDocument.Parse(embedded);
        return catalogue.RootElement.GetProperty("Upstreams").GetProperty("openai").GetProperty(nameof(UpstreamOptions.Operations))
            .Deserialize<List<OperationOptions>>(ByName)!;
    }

    [GeneratedRegex(@"\{(\w+)\}")]
    internal static partial Regex Kinds();
}
