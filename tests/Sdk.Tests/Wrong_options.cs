using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using TokenBroker.Sdk;

namespace TokenBroker.Tests;

/// <summary>An app with wrong options does not start, and says what to change.</summary>
public sealed class Wrong_options
{
    public static TheoryData<Action<TokenBrokerOptions>, string> All => new()
    {
        { options => options.Authority = "", "Authority is missing or not a URL*https://broker.example" },
        { options => options.Authority = "broker.example", "Authority is missing or not a URL" },
        { options => options.Authority = "http://broker.example", "would send tokens in the clear*Use https" },
        { options => options.Authority = "ftp://localhost", "would send tokens in the clear" },
        { options => options.Authority = "https://broker.example?x=1", "must be a plain URL" },
        { options => options.Authority = "https://broker.example#x", "must be a plain URL" },
        { options => options.Authority = "https://user@broker.example", "must be a plain URL" },
        { options => options.ClientId = " ", "ClientId is missing*portal" },
        { options => options.ClientSecret = "", "ClientSecret is missing*user secrets" },
        { options => options.Scopes = [], "Scopes must name at least one scope" },
        { options => options.Scopes = null!, "Scopes must name at least one scope" },
        { options => options.Scopes = ["openai:chat offline_access"], "each as its own entry" },
        { options => options.Scopes = ["openid", "openai:chat"], "remove openid" },
        { options => options.RedirectUri = new Uri("/tokenbroker/callback", UriKind.Relative), "RedirectUri must be an absolute https URL" },
        { options => options.RedirectUri = new Uri("http://app.example/tokenbroker/callback"), "RedirectUri must be an absolute https URL" },
        { options => options.RedirectUri = new Uri("https://app.example/callback"), "ends with /tokenbroker/callback" },
        { options => options.DefaultReturnUrl = "https://evil.example", "DefaultReturnUrl must be a path of this app" },
        { options => options.DefaultReturnUrl = "//evil.example", "DefaultReturnUrl must be a path of this app" },
        { options => options.RefreshBefore = TimeSpan.FromMinutes(16), "RefreshBefore must lie between 0 and 15 minutes" },
        { options => options.RefreshBefore = TimeSpan.FromSeconds(-1), "RefreshBefore must lie between 0 and 15 minutes" },
        { options => options.ConnectionLifetime = TimeSpan.Zero, "ConnectionLifetime must be longer than zero" },
        { options => options.UserId = null!, "UserId must not be null" },
    };

    [Theory]
    [MemberData(nameof(All), DisableDiscoveryEnumeration = true)]
    public async Task Stop_the_app_at_its_start(Action<TokenBrokerOptions> spoil, string message)
    {
        await using var app = App(spoil);

        var start = () => app.StartAsync();

        (await start.Should().ThrowAsync<OptionsValidationException>()).WithMessage($"*TokenBroker: *{message}*");
    }

    [Fact]
    public async Task Are_all_named_at_once()
    {
        await using var app = App(options => (options.ClientId, options.ClientSecret) = ("", ""));

        var start = () => app.StartAsync();

        (await start.Should().ThrowAsync<OptionsValidationException>()).Which.Failures.Should().HaveCount(2);
    }

    [Theory]
    [InlineData("https://broker.example")]
    [InlineData("https://broker.example/path")]
    [InlineData("http://localhost:5080")]
    [InlineData("http://127.0.0.1:5080/")]
    [InlineData("http://[::1]:5080")]
    public async Task Do_not_include_a_good_authority(string authority)
    {
        await using var app = App(options => options.Authority = authority);

        await app.StartAsync();
        await app.StopAsync();
    }

    private static WebApplication App(Action<TokenBrokerOptions> change)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Services.AddTokenBroker(options =>
        {
            (options.Authority, options.ClientId, options.ClientSecret) = ("https://broker.example", "id", "secret");
            change(options);
        });
        return builder.Build();
    }
}
