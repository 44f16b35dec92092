using System.Text.Json.Nodes;

namespace TokenBroker.Samples.Quickstart.Check;

/// <summary>The provider got the key and no token; nobody else was ever shown the key.</summary>
internal sealed class SecrecyStory(Stage stage, BareClient client)
{
    public async Task PlayAsync(Report report, CancellationToken cancellationToken)
    {
        await report.StepAsync("the provider received the stored key with every call, and never a token", ProviderAsync, cancellationToken);
        await report.StepAsync("no response to an app or to the browser held the key", EverybodyElseAsync, cancellationToken);
    }

    private async Task ProviderAsync(CancellationToken cancellationToken)
    {
        var journal = await stage.Control.GetStringAsync(new Uri(stage.Servers.SandboxUrl!, "/_sandbox/journal?reveal=true"), cancellationToken);
        var calls = JsonNode.Parse(journal)!.AsArray().Where(call => ((string?)call!["target"])!.Contains("/chat/", StringComparison.Ordinal)).ToList();

        // Whole, streamed, resumed and cut by the bare client; one by WebChat.
        Expect.Equal(5, calls.Count, "chat calls at the provider");
        Expect.That(calls.All(call => (string?)call!["key"] == stage.Servers.SandboxKey), "the stored key on each", "another");
        Expect.Equal(1, calls.Count(call => call!["cancelledAt"] is not null), "calls that the broker broke off");
        Expect.That(client.Tokens.Count == 4 && !client.Tokens.Exists(token => journal.Contains(token, StringComparison.Ordinal)), "no token at the provider", "one");
    }

    private Task EverybodyElseAsync(CancellationToken cancellationToken)
    {
        Expect.That(stage.AppWitness.Saw("\"choices\"") && stage.BrowserWitness.Saw("<html"), "witnesses that saw the play");
        Expect.That(!stage.AppWitness.Saw(stage.Servers.SandboxKey), $"no key in {stage.AppWitness.Responses} responses to the app", "the key");
        Expect.That(!stage.BrowserWitness.Saw(stage.Servers.SandboxKey), $"no key in {stage.BrowserWitness.Responses} responses to the browser", "the key");
        Expect.That(!client.Tokens.Exists(stage.BrowserWitness.Saw), "no token in a response to the browser", "one");
        return Task.CompletedTask;
    }
}
