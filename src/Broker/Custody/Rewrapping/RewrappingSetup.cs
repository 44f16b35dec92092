namespace TokenBroker.Custody.Rewrapping;

internal static class RewrappingSetup
{
    public static void AddRewrapping(this IServiceCollection services)
    {
        services.AddSingleton<ISealedRecords, UpstreamKeyRecords>();
        services.AddSingleton<ISealedRecords, CarriedKeyRecords>();
        services.AddSingleton<ISealedRecords, SponsorKeyRecords>();
        services.AddSingleton<ISealedRecords, CustodySecretRecords>();
        services.AddSingleton<ISealedRecords, DataProtectionRecords>();
        services.AddSingleton<KekInventory>();
        services.AddSingleton<Rewrap>();
    }
}
