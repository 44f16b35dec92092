using System.Net.Http.Json;
using System.Text.Json.Nodes;

namespace TokenBroker.Samples.Quickstart.Check;

/// <summary>The same person, in the same browser, uses an app that is built on the SDK.</summary>
internal sealed class WebChatStory(Stage stage)
{
    private const string App = "WebChat";

    public async Task PlayAsync(Report report, CancellationToken cancellationToken)
    {
        await report.StepAsync("WebChat connected in the same browser, without another sign-in", ConnectAsync, cancellationToken);
        await report.StepAsync("WebChat listed models and streamed an answer", ChatAsync, cancellationToken);
        await report.StepAsync("WebChat disconnected, and its grant has ended", DisconnectAsync, cancellationToken);
    }

    private async Task ConnectAsync(CancellationToken cancellationToken)
    {
        Expect.Equal("connect", (string?)(await ModelsAsync(cancellationToken))["problem"]?["state"], "WebChat before");
        var welcome = await stage.Browser.OpenAsync(stage.Servers.ChatUrl, cancellationToken);
        var consent = await stage.Browser.PressAsync(welcome.Button("Connect your AI account"), cancellationToken);
        consent.MustBe("/connect/authorize");
        var chat = await stage.Browser.PressAsync(consent.Button("Allow"), cancellationToken);
        Expect.That(chat.Address.AbsoluteUri == stage.Servers.ChatUrl.AbsoluteUri, "WebChat's page", chat.Address.Query.Length > 0 ? chat.Address.PathAndQuery : chat.Words);
    }

    private async Task ChatAsync(CancellationToken cancellationToken)
    {
        var models = (await ModelsAsync(cancellationToken)) as JsonArray;
        Expect.That(models?.Any(model => (string?)model == CallStory.Model) == true, $"{CallStory.Model} among the models");

        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(stage.Servers.ChatUrl, "/api/chat"));
        request.Content = JsonContent.Create(new { model = CallStory.Model, turns = new[] { new { fromUser = true, text = "Hello." } } });
        using var response = await stage.Browser.FetchAsync(request, cancellationToken);
        var answer = await response.Content.ReadAsStringAsync(cancellationToken);
        Expect.That(answer.Contains("event: text\n", StringComparison.Ordinal) && answer.Contains("event: done\n", StringComparison.Ordinal), "text and then done", $"{(int)response.StatusCode} {answer[..Math.Min(answer.Length, 200)]}");
    }

    private async Task DisconnectAsync(CancellationToken cancellationToken)
    {
        Expect.Equal("Active", (await Portal.OpenAsync(stage, cancellationToken)).StateOf(App), "WebChat in the portal");
        var page = await stage.Browser.OpenAsync(stage.Servers.ChatUrl, cancellationToken);
        page = await stage.Browser.PressAsync(page.Button("Disconnect"), cancellationToken);
        Expect.That(page.Address.AbsoluteUri == stage.Servers.ChatUrl.AbsoluteUri, "WebChat's page", page.Address.PathAndQuery);
        Expect.Equal("connect", (string?)(await ModelsAsync(cancellationToken))["problem"]?["state"], "WebChat after");
        Expect.That((await Portal.OpenAsync(stage, cancellationToken)).HasEnded(App), "WebChat among those that ended");
    }

    private async Task<JsonNode> ModelsAsync(CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(stage.Servers.ChatUrl, "/api/models"));
        using var response = await stage.Browser.FetchAsync(request, cancellationToken);
        return Expect.Found(JsonNode.Parse(await response.Content.ReadAsStringAsync(cancellationToken)), "JSON");
    }
}
