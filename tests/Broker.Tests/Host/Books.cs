using Microsoft.Extensions.DependencyInjection;
using TokenBroker.Metering;

namespace TokenBroker.Tests.Host;

/// <summary>The books that a broker has open.</summary>
internal static class Books
{
    public static BudgetBook OfGrant(BrokerHost host, Guid grantId) =>
        host.Services.GetRequiredService<BudgetLedger>().Books.Single(book => book.Key.Account == new AccountId(AccountKind.Grant, grantId));
}
