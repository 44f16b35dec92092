using TokenBroker.Tests;
using TokenBroker.Tests.Apps.Review;
using TokenBroker.Tests.Authorization;
using TokenBroker.Tests.Credit;
using TokenBroker.Tests.Custody.Memory;
using TokenBroker.Tests.Custody.Rewrapping;
using TokenBroker.Tests.Metering;
using Xunit.Sdk;
using Xunit.v3;

[assembly: TestCollectionOrderer(typeof(LongOnesFirst))]

namespace TokenBroker.Tests;

/// <summary>
/// Begins with the classes that take longest. A class runs on one thread: begun last, it would run alone while the other
/// processors have nothing left to do.
/// </summary>
public sealed class LongOnesFirst : ITestCollectionOrderer
{
    private static readonly Type[] LongOnes =
    [
        typeof(Rewrapping_a_hundred_thousand_keys),
        typeof(Holding_caps_through_kills),
        typeof(Balancing_the_ledger),
        typeof(Scanning_the_brokers_memory),
        typeof(Racing_for_a_token),
        typeof(Holding_budgets_in_odd_hours),
        typeof(Any_sequence_of_steps),
    ];

    public IReadOnlyCollection<TTestCollection> OrderTestCollections<TTestCollection>(IReadOnlyCollection<TTestCollection> testCollections)
        where TTestCollection : ITestCollection =>
        [.. DefaultTestCollectionOrderer.Instance.OrderTestCollections(testCollections).OrderBy(PlaceOf)];

    private static int PlaceOf<TTestCollection>(TTestCollection collection)
        where TTestCollection : ITestCollection
    {
        var place = Array.FindIndex(LongOnes, type => collection.TestCollectionDisplayName.Contains(type.FullName! + " ", StringComparison.Ordinal));
        return place < 0 ? LongOnes.Length : place;
    }
}
