using System.Globalization;
using System.Reflection;

namespace TokenBroker.Tests.Conventions;

/// <summary>
/// The attacks that must not work, by number, and that each has its tests here. They are found by their trait:
/// <c>dotnet test --filter-trait "Checklist=6"</c> runs one line.
/// </summary>
public sealed class The_checklist
{
    [Theory]
    [InlineData(1, "Exact redirect URIs; a loopback port is free for native apps alone; what is wrong never redirects.")]
    [InlineData(2, "PKCE with S256 for every client; plain, a missing verifier and a downgrade are refused.")]
    [InlineData(3, "A code works once, for 60 seconds, for its client and redirect URI; a replay kills what it gave.")]
    [InlineData(4, "iss on success and on error, as in discovery, byte for byte.")]
    [InlineData(5, "No implicit, hybrid or password grant.")]
    [InlineData(6, "Refresh tokens are bound, rotated, never widen, end; a reuse kills the grant.")]
    [InlineData(7, "Scope and audience are checked on every route.")]
    [InlineData(8, "A pushed request is its client's, once, shortly; a client assertion is for the issuer alone, once.")]
    [InlineData(9, "Each field of a DPoP proof counts, its age too; a bound token is of no use without its key.")]
    [InlineData(10, "303 after credentials; consent cannot be forged, framed, or passed unseen by a public client.")]
    [InlineData(11, "No CORS at the authorization endpoint, registered origins at the token endpoint; nothing is stored or referred.")]
    [InlineData(12, "User codes cannot be guessed, are confirmed, and polling is slowed down.")]
    [InlineData(13, "What is sealed opens for nobody else, nowhere else, and not when a bit of it was changed.")]
    [InlineData(14, "No key in answers, logs, traces, metrics, files, errors, audit, backups, or memory once idle.")]
    [InlineData(15, "A vault that is down, slow or throttling closes keys with a reason, and they open again by themselves.")]
    [InlineData(16, "The vault's key is turned under load, through a kill, and every key still opens.")]
    [InlineData(17, "A call goes out with the key of its own user and grant, at full load too.")]
    [InlineData(18, "The path that was authorised is the path that the provider receives, byte for byte.")]
    [InlineData(19, "No request hides in another, in either direction, and no connection is left poisoned.")]
    [InlineData(20, "Of the app's headers the listed ones arrive, and no other.")]
    [InlineData(21, "Of the provider's headers the listed ones leave, and no other.")]
    [InlineData(22, "What quotes the key is replaced or cut, wherever the pieces of the answer end.")]
    [InlineData(23, "No redirect is followed; no proxy of the environment, no cookie, no decompression.")]
    [InlineData(24, "A client that leaves stops the provider and is settled; a call is sent once.")]
    [InlineData(25, "Long thought is no silence; a provider that is dead is.")]
    [InlineData(26, "Body, headers, concurrency and time are limited; the slow hold bounded memory and are ended.")]
    [InlineData(27, "A model that cannot be told for certain, or is not allowed, is refused.")]
    [InlineData(28, "A budget is never passed: parallel calls, kills, clocks, streams, missing usage.")]
    [InlineData(29, "A call that our own limits refuse never reaches the provider.")]
    [InlineData(30, "No answer of the gateway may be kept by a cache.")]
    public void Has_tests_for_each_line(int line, string holds)
    {
        var tests = typeof(The_checklist).Assembly.GetTypes()
            .SelectMany(type => type.GetMethods().Where(method => method.GetCustomAttributes<FactAttribute>().Any() && (Has(type, line) || Has(method, line))));

        tests.Should().NotBeEmpty("line {0} must be tried: {1}", line, holds);
    }

    private static bool Has(MemberInfo member, int line) =>
        member.GetCustomAttributes<TraitAttribute>().Any(trait => trait.Name == "Checklist" && trait.Value == line.ToString(CultureInfo.InvariantCulture));
}
