namespace TokenBroker.Grants;

/// <summary>
/// Who pays for a grant's calls: the user's own key (no sponsor), or the user's credit with a sponsor, whose key the calls
/// are then made with. A sponsor is the grant's own app, known by the app's id, or this broker's operator.
/// </summary>
internal static class Purse
{
    /// <summary>The operator as a sponsor.</summary>
    public static readonly Guid Operator = new("00000000-0000-7000-8000-0000000000c0");

    /// <summary>The scope that opens the whole provider account, which is never given on somebody else's key.</summary>
    public static string AccountScopeOf(string upstreamId) => $"{upstreamId}:account";

    /// <summary>Whether a sponsor can pay for calls of this app: nobody draws on another app's key.</summary>
    public static bool MayPay(Guid sponsorId, Guid? applicationId) => sponsorId == Operator || sponsorId == applicationId;
}
