using System.Reflection;

namespace TokenBroker.Upstreams;

internal static class UpstreamsSetup
{
    public static void AddUpstreams(this WebApplicationBuilder builder)
    {
        // The embedded defaults come first, so that every later source (files, environment, command line) overrides them.
        var defaults = new ConfigurationBuilder().AddJsonStream(Embedded("openai.json")).Build();
        ((IConfigurationBuilder)builder.Configuration).Sources.Insert(0, new ChainedConfigurationSource { Configuration = defaults });

        builder.Services.AddSingleton(services =>
        {
            var section = services.GetRequiredService<IConfiguration>().GetSection("Upstreams");
            return new Catalogue(section.Get<Dictionary<string, UpstreamOptions>>() ?? []);
        });
        builder.Services.AddOptions<PriceOptions>().BindConfiguration("Prices").ValidateDataAnnotations().ValidateOnStart();
        builder.Services.AddSingleton<PriceBook>();
        builder.Services.AddSingleton<UpstreamClient>();
        builder.Services.AddSingleton<KeyCheck>();
    }

    private static Stream Embedded(string name) =>
        Assembly.GetExecutingAssembly().GetManifestResourceStream($"TokenBroker.Upstreams.{name}")
        ?? throw new InvalidOperationException($"The program lacks its embedded {name}.");
}
