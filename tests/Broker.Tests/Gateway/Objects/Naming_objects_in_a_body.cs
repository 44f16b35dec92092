using System.Net;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Gateway.Objects;

public sealed class Naming_objects_in_a_body(Neighbours neighbours) : IClassFixture<Neighbours>
{
    /// <summary>Bodies that name objects of the owner, as <c>{kind}</c>.</summary>
    public static TheoryData<string, string> Bodies => new()
    {
        { "/responses", """{"model":"gpt-4o-mini","input":"Hello","previous_response_id":"<response>"}""" },
        { "/responses", """{"model":"gpt-4o-mini","input":"Hello","conversation":"<conversation>"}""" },
        { "/responses", """{"model":"gpt-4o-mini","input":"Hello","conversation":{"id":"<conversation>"}}""" },
        { "/responses", """{"model":"gpt-4o-mini","input":"Hello","conv\u0065rsation":{"\u0069d":"<conversation>"}}""" },
        { "/responses", """{"model":"gpt-4o-mini","input":[{"role":"user","content":[{"type":"input_file","file_id":"<file>"}]}]}""" },
        { "/responses/input_tokens", """{"model":"gpt-4o-mini","input":"Hello","previous_response_id":"<response>"}""" },
        { "/responses/compact", """{"model":"gpt-4o-mini","previous_response_id":"<response>"}""" },
        { "/chat/completions", """{"model":"gpt-4o-mini","messages":[{"role":"user","content":[{"type":"file","file":{"file_id":"<file>"}}]}]}""" },
        { "/vector_stores", """{"file_ids":["<file>"]}""" },
        { "/fine_tuning/jobs", """{"model":"gpt-4o-mini","training_file":"<file>"}""" },
        { "/fine_tuning/jobs", """{"model":"gpt-4o-mini","training_file":null,"validation_file":"<file>"}""" },
        { "/containers", """{"name":"Box","file_ids":["<file>"]}""" },
        { "/assistants", """{"model":"gpt-4o-mini","tool_resources":{"file_search":{"vector_store_ids":["<vector_store>"]}}}""" },
        { "/assistants", """{"model":"gpt-4o-mini","tool_resources":{"code_interpreter":{"file_ids":["<file>"]}}}""" },
        { "/threads", """{"messages":[{"role":"user","content":"Hello","attachments":[{"file_id":"<file>"}]}]}""" },
        { "/threads/runs", """{"assistant_id":"<assistant>"}""" },
        { "/conversations", """{"items":[{"role":"user","content":[{"type":"input_file","file_id":"<file>"}]}]}""" },
        { "/videos/edits", """{"prompt":"Bluer","video":{"id":"<video>"}}""" },
        { "/videos", """{"prompt":"A plum","characters":[{"id":"<character>"}]}""" },
        { "/images/edits", """{"model":"gpt-image-1","prompt":"Bluer","images":[{"file_id":"<file>"}]}""" },
    };

    [Theory]
    [MemberData(nameof(Bodies))]
    public async Task Reaches_what_the_app_made_and_nothing_else(string path, string template)
    {
        var body = template;
        foreach (var kind in new[] { "response", "conversation", "file", "vector_store", "assistant", "video", "character" })
        {
            body = body.Replace($"<{kind}>", body.Contains($"<{kind}>", StringComparison.Ordinal) ? await neighbours.OwnedAsync(kind) : "", StringComparison.Ordinal);
        }

        foreach (var stranger in new[] { neighbours.OtherApp, neighbours.OtherUser })
        {
            var before = neighbours.Host.Journal.Arrived;
            using var refused = await stranger.PostRawAsync(path, body);

            refused.StatusCode.Should().Be(HttpStatusCode.NotFound, await refused.Content.ReadAsStringAsync());
            (await Api.ErrorAsync(refused)).Code.Should().Be("not_found");
            neighbours.Host.Journal.Arrived.Should().Be(before);
        }

        var sent = neighbours.Host.Journal.Arrived;
        using var response = await neighbours.Owner.Api.PostRawAsync(path, body);
        neighbours.Host.Journal.Arrived.Should().Be(sent + 1, await response.Content.ReadAsStringAsync());
    }

    [Theory]
    [InlineData("/responses", """{"model":"gpt-4o-mini","input":"Hello","prompt":{"id":"pmpt_1"}}""")]
    [InlineData("/responses", """{"model":"gpt-4o-mini","input":"Hello","novel_id":"x_1"}""")]
    [InlineData("/responses", """{"model":"gpt-4o-mini","input":[{"type":"message","role":"user","content":[{"type":"novel","novel_ids":["x_1"]}]}]}""")]
    [InlineData("/responses", """{"model":"gpt-4o-mini","input":"Hello","novel":{"id":"x_1"}}""")]
    [InlineData("/audio/speech", """{"model":"tts-1","input":"Hello","voice":{"id":"voice_1"}}""")]
    [InlineData("/chat/completions", """{"model":"gpt-4o-mini","messages":[{"role":"assistant","audio":{"id":"audio_1"}}]}""")]
    [InlineData("/evals", """{"data_source_config":{"type":"stored_completions"},"testing_criteria":[]}""")]
    [InlineData("/evals", """{"data_source_config":{"type":"logs"},"testing_criteria":[]}""")]
    public async Task That_nobody_can_check_is_refused(string path, string body)
    {
        var before = neighbours.Host.Journal.Arrived;

        using var response = await neighbours.Owner.Api.PostRawAsync(path, body);

        response.StatusCode.Should().Be(HttpStatusCode.Forbidden, await response.Content.ReadAsStringAsync());
        (await Api.ErrorAsync(response)).Code.Should().Be("operation_not_allowed");
        neighbours.Host.Journal.Arrived.Should().Be(before);
    }

    [Fact]
    public async Task Brings_no_tools_into_a_conversation_that_cost_what_nobody_can_bound()
    {
        var own = await neighbours.OwnedAsync("conversation");
        var before = neighbours.Host.Journal.Arrived;

        using var response = await neighbours.Owner.Api.PostRawAsync($"/conversations/{own}/items", """{"items":[{"type":"additional_tools","tools":[{"type":"web_search"}]}]}""");

        (await Api.ErrorAsync(response)).Code.Should().Be("operation_not_priced");
        neighbours.Host.Journal.Arrived.Should().Be(before);
    }

    [Theory]
    [InlineData("""{"model":"gpt-4o-mini","input":"Hello","metadata":{"novel_id":"x_1"}}""")]
    [InlineData("""{"model":"gpt-4o-mini","input":"Hello","tools":[{"type":"function","name":"f","parameters":{"type":"object","properties":{"novel_id":{"type":"string"}}}}]}""")]
    [InlineData("""{"model":"gpt-4o-mini","input":[{"role":"user","content":"Hello"},{"type":"function_call","id":"fc_1","call_id":"call_1","name":"f","arguments":"{}"},{"type":"function_call_output","call_id":"call_1","output":"{\"novel_id\":\"x_1\"}"}]}""")]
    public async Task In_words_of_the_apps_own_is_no_reference(string body)
    {
        using var response = await neighbours.Owner.Api.PostRawAsync("/responses", body);

        response.StatusCode.Should().Be(HttpStatusCode.OK, await response.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task That_come_as_fields_of_a_form_are_refused()
    {
        var before = neighbours.Host.Journal.Arrived;
        using var form = SampleCall.FormOf([("prompt", "Bluer"), ("video[id]", "video_1")], ("input_reference", "a.png", 10));

        using var response = await neighbours.Owner.Api.SendAsync(HttpMethod.Post, "/videos/edits", form);

        response.StatusCode.Should().Be(HttpStatusCode.Forbidden);
        neighbours.Host.Journal.Arrived.Should().Be(before);
    }
}
