using System.Net;
using System.Security.Cryptography;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Pages;

public sealed class The_vendored_script(SharedBroker shared)
{
    [Fact]
    public async Task Is_the_one_that_was_built()
    {
        using var http = shared.Host.NewClient();
        var sums = (await File.ReadAllLinesAsync(Path.Combine(AppContext.BaseDirectory, "Vendor", "SHA256SUMS")))
            .Select(line => line.Split("  ")).ToDictionary(parts => parts[1], parts => parts[0]);

        sums.Keys.Should().BeEquivalentTo(["hpke-core.js", "hpke-core.LICENSE.txt"]);
        foreach (var (file, sum) in sums)
        {
            using var response = await http.GetAsync("/js/vendor/" + file);
            response.StatusCode.Should().Be(HttpStatusCode.OK);
            Convert.ToHexStringLower(SHA256.HashData(await response.Content.ReadAsByteArrayAsync())).Should().Be(sum, "{0} is changed by vendor/hpke-core/build.sh alone", file);
        }
    }

    [Fact]
    public async Task Comes_with_its_licence_and_names_its_version()
    {
        using var http = shared.Host.NewClient();

        (await http.GetStringAsync("/js/vendor/hpke-core.js")).Should().StartWith("/* @hpke/core 1.9.0 and @hpke/common 1.10.1 (MIT, see hpke-core.LICENSE.txt)");
        (await http.GetStringAsync("/js/vendor/hpke-core.LICENSE.txt")).Should().Contain("MIT License").And.Contain("Ajitomi Daisuke");
    }

    [Fact]
    public async Task Evaluates_no_text()
    {
        using var http = shared.Host.NewClient();

        foreach (var script in (string[])["/js/vendor/hpke-core.js", "/js/seal-key.js"])
        {
            (await http.GetStringAsync(script)).Should().NotMatchRegex(@"\beval\(|new Function|innerHTML|document\.write");
        }
    }
}
