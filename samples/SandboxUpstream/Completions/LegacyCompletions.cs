using System.Collections.Frozen;
using System.Text.Json.Nodes;
using TokenBroker.Samples.SandboxUpstream.Chat;
using TokenBroker.Samples.SandboxUpstream.Provider;
using TokenBroker.Samples.SandboxUpstream.Wire;

namespace TokenBroker.Samples.SandboxUpstream.Completions;

/// <summary><c>POST /v1/completions</c>, the old text completion. Its limit is 16 tokens unless the caller sets one, as the provider's is.</summary>
internal static class LegacyCompletions
{
    private const int DefaultMaxTokens = 16;

    private static readonly FrozenSet<string> Known =
    [
        "best_of", "echo", "frequency_penalty", "logit_bias", "logprobs", "max_tokens", "model", "n", "presence_penalty", "prompt", "seed", "stop",
        "stream", "stream_options", "suffix", "temperature", "top_p", "user",
    ];

    public static Task AnswerAsync(Call call)
    {
        var parameters = RequestBody.ReadJson(call, Known);
        var model = parameters.Model(Abilities.Completion);
        var prompts = InputTexts.Read(parameters, "prompt", isRequired: false);
        var (stream, usage) = parameters.Streaming();
        var max = parameters.Integer("max_tokens", 0) ?? DefaultMaxTokens;
        var count = parameters.Integer("n", 1, 128) ?? 1;
        var bestOf = parameters.Integer("best_of", 1, 20);
        var echo = parameters.Flag("echo");
        parameters.Number("temperature", 0, 2);
        parameters.RefuseIf(bestOf < count, () => ProviderErrors.Invalid("best_of",
            "You requested that the server return more choices than it will generate (HINT: your value of 'n' is greater than your value of 'best_of').", code: null));
        if (parameters.Error is { } error)
        {
            return call.RefuseAsync(error);
        }

        var answers = prompts.SelectMany(p => Enumerable.Repeat(p, count))
            .Select(prompt => (Prompt: echo ? prompt.Text : "", Answer: TextAnswer.To(call, prompt.Text, max)))
            .ToArray();
        var input = prompts.Sum(p => p.Tokens);
        var output = answers.Sum(a => a.Answer.Tokens);
        var cost = new JsonObject { ["prompt_tokens"] = input, ["completion_tokens"] = output, ["total_tokens"] = input + output };
        if (stream)
        {
            return call.StreamAsync(Events(call, model!, answers, usage, cost));
        }

        var whole = Shell(call, model!,
            [.. answers.Select((a, index) => Choice(index, a.Prompt + a.Answer.Text, a.Answer.IsCut ? "length" : "stop"))]);
        whole["usage"] = cost;
        return call.AnswerAsync(whole);
    }

    private static IEnumerable<StreamEvent> Events(
        Call call, Model model, (string Prompt, TextAnswer Answer)[] answers, bool withUsage, JsonObject cost)
    {
        StreamEvent Chunk(JsonObject choice)
        {
            var chunk = Shell(call, model, [choice]);
            if (withUsage)
            {
                chunk["usage"] = null;
            }

            return new StreamEvent(chunk);
        }

        foreach (var (index, (prompt, answer)) in answers.Index())
        {
            foreach (var piece in Reply.Pieces(prompt + answer.Text))
            {
                yield return Chunk(Choice(index, piece, null));
            }

            yield return Chunk(Choice(index, "", answer.IsCut ? "length" : "stop"));
        }

        if (withUsage && call.HasUsage)
        {
            var last = Shell(call, model, []);
            last["usage"] = cost;
            yield return new StreamEvent(last);
        }

        yield return StreamEvent.Done;
    }

    private static JsonObject Choice(int index, string text, string? finish) =>
        new() { ["text"] = text, ["index"] = index, ["logprobs"] = null, ["finish_reason"] = finish };

    private static JsonObject Shell(Call call, Model model, JsonArray choices) => new()
    {
        ["id"] = call.Id("cmpl-"),
        ["object"] = "text_completion",
        ["created"] = call.Now,
        ["model"] = model.Snapshot,
        ["choices"] = choices,
    };
}
