using System.ClientModel;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using OpenAI.Chat;

namespace TokenBroker.Samples.Quickstart.Check;

/// <summary>The person pauses, resumes, and ends the app's access while an answer is still coming.</summary>
internal sealed class EndingStory(Stage stage, BareClient client)
{
    private const string App = "Bare client";
    private static readonly TimeSpan LongestCut = TimeSpan.FromSeconds(2);

    public async Task PlayAsync(Report report, CancellationToken cancellationToken)
    {
        await report.StepAsync("paused in the portal: the next call got grant_paused", PauseAsync, cancellationToken);
        await report.StepAsync("resumed in the portal: the next call was answered", ResumeAsync, cancellationToken);
        await report.StepAsync("access ended in the portal: the open stream was cut", CutAsync, cancellationToken);
        await report.StepAsync("the next call got grant_revoked", CallAsync, cancellationToken);
        await report.StepAsync("the refresh token was refused", RefreshAsync, cancellationToken);
    }

    private async Task PauseAsync(CancellationToken cancellationToken)
    {
        var portal = await Portal.OpenAsync(stage, cancellationToken);
        portal = await portal.PressAsync(App, "Pause", cancellationToken);
        Expect.Equal("Paused", portal.StateOf(App), "the app's state");
        Expect.Equal("403 grant_paused", await ChatAsync(cancellationToken), "the call");
    }

    private async Task ResumeAsync(CancellationToken cancellationToken)
    {
        var portal = await Portal.OpenAsync(stage, cancellationToken);
        portal = await portal.PressAsync(App, "Resume", cancellationToken);
        Expect.Equal("Active", portal.StateOf(App), "the app's state");
        Expect.Equal("answered", await ChatAsync(cancellationToken), "the call");
    }

    private async Task CutAsync(CancellationToken cancellationToken)
    {
        var portal = await Portal.OpenAsync(stage, cancellationToken);
        var updates = client.OpenAI.GetChatClient(CallStory.Model)
            .CompleteChatStreamingAsync([new UserChatMessage("[[events:2000]] [[delay:20]] Go on and on.")], cancellationToken: cancellationToken)
            .GetAsyncEnumerator(cancellationToken);
        await using (updates)
        {
            for (var piece = 0; piece < 5; piece++)
            {
                Expect.That(await updates.MoveNextAsync(), "a long stream", "its end");
            }

            var reading = ReadToEndAsync(updates);
            var pressed = Stopwatch.StartNew();
            portal = await portal.PressAsync(App, "End access", cancellationToken);
            Expect.That(portal.HasEnded(App), "the app among those that ended");
            var end = await reading.WaitAsync(cancellationToken);
            Expect.That(end is IOException or ClientResultException, "the stream to end with an error", end?.GetType().Name ?? "a clean end");
            Expect.That(pressed.Elapsed < LongestCut, $"an end within {LongestCut.TotalSeconds:0} s", string.Create(CultureInfo.InvariantCulture, $"{pressed.Elapsed.TotalSeconds:0.0} s"));
        }
    }

    private async Task CallAsync(CancellationToken cancellationToken) =>
        Expect.Equal("401 grant_revoked", await ChatAsync(cancellationToken), "the call");

    private async Task RefreshAsync(CancellationToken cancellationToken)
    {
        var (status, answer) = await client.RefreshAsync(client.RefreshToken, cancellationToken);
        Expect.Equal($"{HttpStatusCode.BadRequest} invalid_grant", $"{status} {answer["error"]}", "the refresh");
    }

    private async Task<string> ChatAsync(CancellationToken cancellationToken)
    {
        try
        {
            await client.OpenAI.GetChatClient(CallStory.Model).CompleteChatAsync([new UserChatMessage("Still there?")], cancellationToken: cancellationToken);
            return "answered";
        }
        catch (ClientResultException refusal)
        {
            return CallStory.CodeOf(refusal);
        }
    }

    /// <summary>How the stream ended: null for cleanly.</summary>
    private static async Task<Exception?> ReadToEndAsync(IAsyncEnumerator<StreamingChatCompletionUpdate> updates)
    {
        try
        {
            while (await updates.MoveNextAsync())
            {
            }

            return null;
        }
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            return exception;
        }
    }
}
