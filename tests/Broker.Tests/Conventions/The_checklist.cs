using System.Reflection;

namespace TokenBroker.Tests.Authorization;

/// <summary>
/// The attacks on the authorization side, by number, and that each has its tests here. They are found by their trait:
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
    public void Has_tests_for_each_line(int line, string holds)
    {
        var tests = typeof(The_checklist).Assembly.GetTypes()
            .Where(type => type.Namespace?.StartsWith(typeof(The_checklist).Namespace!, StringComparison.Ordinal) == true)
            .SelectMany(type => type.GetMethods().Where(method => method.GetCustomAttributes<FactAttribute>().Any() && (Has(type, line) || Has(method, line))));

        tests.Should().NotBeEmpty("line {0} must be tried: {1}", line, holds);
    }

    private static bool Has(MemberInfo member, int line) =>
        member.GetCustomAttributes<TraitAttribute>().Any(trait => trait.Name == "Checklist" && trait.Value == line.ToString(System.Globalization.CultureInfo.InvariantCulture));
}
