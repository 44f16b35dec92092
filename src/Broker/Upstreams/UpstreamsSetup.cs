namespace TokenBroker.Upstreams;

internal static class UpstreamsSetup
{
    public static void AddUpstreams(this WebApplicationBuilder builder)
    {
        // The embedded defaults come first, so that every later source (files, environment, command line) overrides them.
        var defaults = UpstreamTemplates.Embedded("openai");
        ((IConfigurationBuilder)builder.Configuration).Sources.Insert(0, new ChainedConfigurationSource { Configuration = defaults });

        builder.Services.AddSingleton(services =>
        {
            var section = services.GetRequiredService<IConfiguration>().GetSection("Upstreams");
            return new Catalogue(UpstreamTemplates.Read(section));
        });
        builder.Services.AddOptions<PriceOptions>().BindConfiguration("Prices").ValidateDataAnnotations().ValidateOnStart();
        builder.Services.AddSingleton<PriceBook>();
        builder.Services.AddSingleton<UpstreamTrouble>();
        builder.Services.AddSingleton<UpstreamClient>();
        builder.Services.AddSingleton<KeyCheck>();
    }
}
