using System.Text.Json;
using System.Text.RegularExpressions;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using TokenBroker.Tests.Host;
using TokenBroker.Upstreams;

namespace TokenBroker.Tests.Gateway;

/// <summary>The catalogue, held against the operations that the provider publishes.</summary>
public sealed partial class Knowing_every_operation(SharedBroker shared)
{
    private static readonly IReadOnlyList<(string Method, string Path)> Published = Read();

    /// <summary>What the provider offers besides the operations of its published list.</summary>
    private static readonly string[] Unpublished = ["realtime"];

    private Upstream OpenAi => shared.Host.Services.GetRequiredService<Catalogue>().Find("openai")!;

    private List<OperationOptions> Listed { get; } =
        shared.Host.Services.GetRequiredService<IConfiguration>().GetSection("Upstreams:openai:Operations").Get<List<OperationOptions>>()!;

    [Fact]
    public void Leaves_none_unmapped()
    {
        Published.Should().HaveCount(288);
        Published.Where(one => OpenAi.Find(one.Method, Example(one.Path)) is null).Should().BeEmpty();
    }

    [Fact]
    public void Maps_none_twice() =>
        Published.Select(one => (one, Count: Listed.Count(listed => Covers(listed, one.Method, one.Path)))).Where(pair => pair.Count != 1).Should().BeEmpty();

    [Fact]
    public void Lists_nothing_that_the_provider_does_not() =>
        Listed.Where(listed => !Unpublished.Contains(listed.Name) && !Published.Any(one => Covers(listed, one.Method, one.Path))).Should().BeEmpty();

    [Fact]
    public void Gives_each_a_scope_or_the_reason_why_it_is_denied()
    {
        foreach (var (method, path) in Published)
        {
            var found = OpenAi.Find(method, Example(path))!.Value;
            (found.Refusal is { Length: > 20 } || OpenAi.Capabilities.Any(c => c.Scope == found.Operation.Scope)).Should().BeTrue($"{method} {path}");
            found.Name.Should().NotBeEmpty();
        }
    }

    [Fact]
    public void Denies_all_that_administers_the_account()
    {
        var administrative = Published.Where(one => one.Path.StartsWith("/organization", StringComparison.Ordinal) || one.Path.StartsWith("/projects", StringComparison.Ordinal)).ToList();

        administrative.Should().HaveCountGreaterThan(100);
        administrative.Should().OnlyContain(one => OpenAi.Find(one.Method, Example(one.Path))!.Value.Refusal != null);
    }

    [Fact]
    public void Names_each_once() => Listed.Select(listed => listed.Name).Should().OnlyHaveUniqueItems();

    [Fact]
    public void Puts_every_id_of_a_path_inside_an_object_that_has_an_owner()
    {
        var templates = Listed.Where(listed => listed.Denied.Length == 0).Select(listed => Kinds().Matches(listed.Path).Select(match => match.Groups[1].Value).ToList()).Where(kinds => kinds.Count > 0);

        templates.Should().OnlyContain(kinds => kinds[0] == "model" || OpenAi.OwnedKinds.Contains(kinds[0]));
    }

    [Fact]
    public void Filters_each_list_of_objects_that_have_an_owner()
    {
        var lists = Listed.Where(listed => listed is { Method: "GET", Denied: "" } && !listed.Path.Contains('{', StringComparison.Ordinal) && listed.Capability is not ("models" or "realtime"));

        lists.Should().HaveCount(9).And.OnlyContain(listed => OpenAi.OwnedKinds.Contains(listed.Lists));
    }

    /// <summary>Whether the entry is for this operation, by its path with all templates taken for one another.</summary>
    private static bool Covers(OperationOptions listed, string method, string path)
    {
        if (listed.Method != method && listed.Method != "*")
        {
            return false;
        }

        if (listed.Path.StartsWith("/**?", StringComparison.Ordinal))
        {
            return path.EndsWith(listed.Path[3..], StringComparison.Ordinal);
        }

        var prefix = listed.Path.EndsWith("/**", StringComparison.Ordinal) ? listed.Path[..^3] : null;
        return prefix is null
            ? Kinds().Replace(path, "{}") == Kinds().Replace(listed.Path, "{}")
            : path == prefix || path.StartsWith(prefix + "/", StringComparison.Ordinal);
    }

    private static string Example(string path) => Kinds().Replace(path, "abc_123");

    private static List<(string Method, string Path)> Read()
    {
        using var file = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "Gateway", "Data", "openai-operations.json")));
        return [.. file.RootElement.GetProperty("operations").EnumerateArray().Select(one => (one.GetProperty("method").GetString()!, one.GetProperty("path").GetString()!))];
    }

    [GeneratedRegex(@"\{(\w+)\}")]
    private static partial Regex Kinds();
}
