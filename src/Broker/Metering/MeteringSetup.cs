namespace TokenBroker.Metering;

internal static class MeteringSetup
{
    public static void AddMetering(this WebApplicationBuilder builder)
    {
        builder.Services.AddBudgets();
        builder.Services.AddScoped<BudgetState>();
        builder.Services.AddScoped<SetCaps>();
        builder.Services.AddScoped<ReadSpend>();
        builder.Services.AddScoped<SettleJob>();
        builder.Services.AddScoped<ReadPurse>();
        builder.Services.AddScoped<CreditJournal>();
        builder.Services.AddScoped<VerifyCredit>();
        builder.Services.AddHostedService<LeaseKeeper>();
    }

    /// <summary>The ledger, without what drives it.</summary>
    public static IServiceCollection AddBudgets(this IServiceCollection services) => services
        .AddMetrics()
        .AddSingleton<CallMetrics>()
        .AddSingleton<BudgetNode>()
        .AddSingleton<BudgetCuts>()
        .AddSingleton<BudgetLedger>()
        .AddSingleton<CapsInUse>()
        .AddSingleton<CreditLimits>()
        .AddSingleton<LeaseStore>()
        .AddSingleton<LeaseUpkeep>()
        .AddSingleton<Reconcile>()
        .AddSingleton<SpendFlush>()
        .AddSingleton<UsageLog>();
}
