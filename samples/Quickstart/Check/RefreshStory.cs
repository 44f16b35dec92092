using System.Net;

namespace TokenBroker.Samples.Quickstart.Check;

/// <summary>Refresh tokens are used once; a retry of the same one gives the same successor.</summary>
internal sealed class RefreshStory(BareClient client)
{
    private string _used = "";

    public async Task PlayAsync(Report report, CancellationToken cancellationToken)
    {
        await report.StepAsync("a refresh gave a new pair of tokens", RotateAsync, cancellationToken);
        await report.StepAsync("the used refresh token, at once again, gave the same successor", RetryAsync, cancellationToken);
        await report.StepAsync("the new access token works", UseAsync, cancellationToken);
    }

    private async Task RotateAsync(CancellationToken cancellationToken)
    {
        _used = client.RefreshToken;
        var before = client.AccessToken;
        var (status, tokens) = await client.RefreshAsync(_used, cancellationToken);
        Expect.That(status == HttpStatusCode.OK, "200", $"{(int)status} {tokens["error"]} {tokens["error_description"]}");
        client.Keep(tokens);
        Expect.That(client.RefreshToken != _used && client.AccessToken != before, "new tokens", "an old one");
    }

    private async Task RetryAsync(CancellationToken cancellationToken)
    {
        var (status, tokens) = await client.RefreshAsync(_used, cancellationToken);
        Expect.That(status == HttpStatusCode.OK, "200", $"{(int)status} {tokens["error"]} {tokens["error_description"]}");
        Expect.That(BareClient.Text(tokens, "refresh_token") == client.RefreshToken, "the same refresh token", "another");
        Expect.That(BareClient.Text(tokens, "access_token") == client.AccessToken, "the same access token", "another");
    }

    private async Task UseAsync(CancellationToken cancellationToken)
    {
        var models = await client.OpenAI.GetOpenAIModelClient().GetModelsAsync(cancellationToken);
        Expect.That(models.Value.Any(model => model.Id == CallStory.Model), $"{CallStory.Model} among the models", $"{models.Value.Count} others");
    }
}
