using NetArchTest.Rules;

namespace TokenBroker.Tests.Conventions;

/// <summary>Dependencies point one way; see the rooms in docs/request-path.md.</summary>
public sealed class The_folders
{
    private static readonly string[] All =
    [
        "Accounts", "Apps", "Audit", "Authorization", "Credit", "Custody", "Gateway", "Grants", "Metering", "Notices", "Operations", "Pages", "Safety", "Storage", "Upstreams",
    ];

    [Theory]
    [InlineData("Accounts", "Audit", "Operations", "Storage")]
    [InlineData("Apps", "Accounts", "Audit", "Authorization", "Custody", "Grants", "Notices", "Operations", "Storage", "Upstreams")]
    [InlineData("Audit", "Storage")]
    [InlineData("Authorization", "Accounts", "Apps", "Audit", "Custody", "Grants", "Metering", "Operations", "Storage", "Upstreams")]
    [InlineData("Credit", "Accounts", "Apps", "Audit", "Authorization", "Custody", "Grants", "Metering", "Operations", "Safety", "Storage", "Upstreams")]
    [InlineData("Custody", "Storage")]
    [InlineData("Gateway", "Apps", "Audit", "Authorization", "Custody", "Grants", "Metering", "Operations", "Safety", "Storage", "Upstreams")]
    [InlineData("Grants", "Apps", "Audit", "Authorization", "Custody", "Notices", "Storage")]
    [InlineData("Metering", "Apps", "Audit", "Authorization", "Custody", "Grants", "Storage")]
    [InlineData("Notices", "Storage")]
    [InlineData("Safety", "Accounts", "Apps", "Audit", "Authorization", "Custody", "Grants", "Notices", "Storage", "Upstreams")]
    [InlineData("Upstreams", "Storage")]
    public void Know_only_those_below(string folder, params string[] allowed)
    {
        var forbidden = All.Except(allowed).Where(other => other != folder).Select(other => $"TokenBroker.{other}").ToArray();

        var result = Types.InAssembly(typeof(BrokerApplication).Assembly)
            .That().ResideInNamespaceStartingWith($"TokenBroker.{folder}")
            .ShouldNot().HaveDependencyOnAny(forbidden)
            .GetResult();

        result.FailingTypeNames.Should().BeNullOrEmpty();
    }

    [Theory]
    [InlineData("Gateway")]
    [InlineData("Pages")]
    public void Never_know_the_outermost(string outermost)
    {
        var result = Types.InAssembly(typeof(BrokerApplication).Assembly)
            .That().DoNotResideInNamespaceStartingWith($"TokenBroker.{outermost}")
            .And().DoNotHaveName(nameof(BrokerApplication))
            .And().DoNotHaveNameStartingWith("Pages_")
            .ShouldNot().HaveDependencyOn($"TokenBroker.{outermost}")
            .GetResult();

        // The library gives nested types no namespace: those of the folder itself are taken out here.
        (result.FailingTypeNames ?? []).Where(name => !name.StartsWith($"TokenBroker.{outermost}.", StringComparison.Ordinal)).Should().BeEmpty();
    }

    [Fact]
    public void Seal_their_classes()
    {
        // Open is what another of ours is made from, and nothing else.
        var all = typeof(BrokerApplication).Assembly.GetTypes();
        var open = all
            .Where(type => type is { IsClass: true, IsAbstract: false, IsSealed: false } && !all.Any(other => other.BaseType == type))
            .Where(type => !type.Name.StartsWith('<') && type.Namespace?.StartsWith("TokenBroker", StringComparison.Ordinal) == true)
            .Where(type => !type.Namespace!.EndsWith(".Migrations", StringComparison.Ordinal));

        open.Should().BeEmpty();
    }

    [Fact]
    public void Show_the_outside_one_type()
    {
        typeof(BrokerApplication).Assembly.GetExportedTypes()
            .Where(type => type.Namespace?.EndsWith(".Migrations", StringComparison.Ordinal) != true)
            .Select(type => type.FullName)
            .Should().BeSubsetOf([typeof(BrokerApplication).FullName, "Program"]);
    }
}
