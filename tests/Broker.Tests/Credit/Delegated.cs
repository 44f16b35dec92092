using Microsoft.EntityFrameworkCore;
using TokenBroker.Tests.Authorization.Exchange;

namespace TokenBroker.Tests.Credit;

/// <summary>What an app that hands tokens on was itself given.</summary>
internal static class Delegated
{
    /// <returns>The person, and the grant that all others are cut from.</returns>
    public static Task<(Guid UserId, Guid GrantId)> OfAsync(DelegatingApp app) => app.Broker.WithDatabaseAsync(async db =>
    {
        var user = await db.Users.Where(u => u.Email == app.Person.Email).Select(u => u.Id).SingleAsync();
        return (user, await db.Grants.Where(g => g.UserId == user && g.ParentId == null).Select(g => g.Id).SingleAsync());
    });
}
