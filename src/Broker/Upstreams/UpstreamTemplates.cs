using System.Reflection;

namespace TokenBroker.Upstreams;

/// <summary>
/// The upstreams that come with the program, as settings that others are laid over. <c>openai</c> is there by itself;
/// whatever else is used is one entry of section <c>Upstreams</c> that says which of these it is like.
/// </summary>
internal static class UpstreamTemplates
{
    private static readonly string[] Names = ["openai", "anthropic"];

    /// <summary>The embedded file, whose one entry is <c>Upstreams:name</c>.</summary>
    public static IConfigurationRoot Embedded(string name)
    {
        using var stream = Assembly.GetExecutingAssembly().GetManifestResourceStream($"TokenBroker.Upstreams.{name}.json")
            ?? throw new InvalidOperationException($"The program lacks its embedded {name}.json.");
        return new ConfigurationBuilder().AddJsonStream(stream).Build();
    }

    /// <summary>Every upstream of the section that is enabled, with what it takes over.</summary>
    /// <exception cref="InvalidOperationException">One is like an upstream that does not come with the program.</exception>
    public static IReadOnlyDictionary<string, UpstreamOptions> Read(IConfigurationSection section)
    {
        var read = new Dictionary<string, UpstreamOptions>(StringComparer.Ordinal);
        foreach (var entry in section.GetChildren())
        {
            var options = entry["Like"] is { Length: > 0 } like ? Over(like, entry) : entry.Get<UpstreamOptions>();
            if (options is { Enabled: true })
            {
                read.Add(entry.Key, options);
            }
        }

        return read;
    }

    private static UpstreamOptions? Over(string like, IConfigurationSection entry)
    {
        if (!Names.Contains(like))
        {
            throw new InvalidOperationException($"Upstreams: '{entry.Key}' is Like '{like}', which does not come with the program. There are: {string.Join(", ", Names)}.");
        }

        var options = new ConfigurationBuilder()
            .AddConfiguration(Embedded(like).GetSection($"Upstreams:{like}"))
            .AddConfiguration(entry)
            .Build()
            .Get<UpstreamOptions>();
        if (options is not null && entry["BaseUrl"] is not null)
        {
            // Another host gives out other keys.
            (options.KeyPrefix, options.KeyPage) = (entry["KeyPrefix"] ?? "", entry["KeyPage"] ?? "");
        }

        return options;
    }
}
