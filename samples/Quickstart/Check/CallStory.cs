using System.ClientModel;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using OpenAI.Chat;

namespace TokenBroker.Samples.Quickstart.Check;

/// <summary>Calls with the plain OpenAI package: what was allowed works and is counted, what was not is refused.</summary>
internal sealed class CallStory(Stage stage, BareClient client)
{
    public const string Model = "gpt-4o-mini";

    public async Task PlayAsync(Report report, CancellationToken cancellationToken)
    {
        await report.StepAsync("a chat call with the OpenAI package, only address and token changed", ChatAsync, cancellationToken);
        await report.StepAsync("a streamed chat call came in pieces", StreamAsync, cancellationToken);
        await report.StepAsync("embeddings, which were not allowed: insufficient_scope", OutsideScopeAsync, cancellationToken);
        await report.StepAsync("an administrative operation: operation_not_allowed", AdministerAsync, cancellationToken);
        await report.StepAsync("the portal shows 2 calls and what they cost", UsageAsync, cancellationToken);
    }

    /// <summary>The code of a refusal that the OpenAI package threw.</summary>
    public static string CodeOf(ClientResultException refusal) =>
        $"{refusal.Status} {JsonNode.Parse(refusal.GetRawResponse()!.Content)?["error"]?["code"]}";

    private async Task ChatAsync(CancellationToken cancellationToken)
    {
        var answer = await client.OpenAI.GetChatClient(Model).CompleteChatAsync([new UserChatMessage("Say something.")], cancellationToken: cancellationToken);
        Expect.That(answer.Value.Content is [{ Text.Length: > 0 }], "an answer with text");
        Expect.That(answer.Value.Usage.OutputTokenCount > 0, "its usage");
    }

    private async Task StreamAsync(CancellationToken cancellationToken)
    {
        var pieces = 0;
        var text = new StringBuilder();
        await foreach (var update in client.OpenAI.GetChatClient(Model).CompleteChatStreamingAsync([new UserChatMessage("[[events:20]] Go on.")], cancellationToken: cancellationToken))
        {
            pieces += update.ContentUpdate.Count;
            text.AppendJoin("", update.ContentUpdate.Select(part => part.Text));
        }

        Expect.That(pieces >= 20 && text.Length > 0, "20 pieces of text", $"{pieces}");
    }

    private async Task OutsideScopeAsync(CancellationToken cancellationToken)
    {
        try
        {
            await client.OpenAI.GetEmbeddingClient("text-embedding-3-small").GenerateEmbeddingAsync("Anything.", cancellationToken: cancellationToken);
            Expect.That(false, "a refusal", "an embedding");
        }
        catch (ClientResultException refusal)
        {
            Expect.Equal("403 insufficient_scope", CodeOf(refusal), "the refusal");
        }
    }

    private async Task AdministerAsync(CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, stage.Broker("/openai/v1/organization/users"));
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", client.AccessToken);
        using var response = await stage.Apps.SendAsync(request, cancellationToken);
        var body = JsonNode.Parse(await response.Content.ReadAsStringAsync(cancellationToken));
        Expect.Equal("403 operation_not_allowed", $"{(int)response.StatusCode} {body?["error"]?["code"]}", "the refusal");
    }

    private async Task UsageAsync(CancellationToken cancellationToken)
    {
        // Usage is written behind the calls, a quarter of a second at most.
        var shown = "";
        for (var attempt = 0; attempt < 30; attempt++)
        {
            var portal = await Portal.OpenAsync(stage, cancellationToken);
            shown = string.Join(", ", portal.Row("Bare client").QuerySelectorAll(".meter-text span").Select(span => span.TextContent.Trim()));
            if (shown.EndsWith(", 2 calls", StringComparison.Ordinal))
            {
                Expect.That(shown.Contains("of $3.00 this month", StringComparison.Ordinal) && !shown.StartsWith("$0.00 ", StringComparison.Ordinal), "a cost and the budget of $3.00", shown);
                return;
            }

            await Task.Delay(TimeSpan.FromMilliseconds(100), cancellationToken);
        }

        Expect.That(false, "2 calls in the portal within 3 s", shown);
    }
}
