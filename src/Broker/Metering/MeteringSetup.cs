namespace TokenBroker.Metering;

internal static class MeteringSetup
{
    public static void AddMetering(this WebApplicationBuilder builder)
    {
        builder.Services.AddSingleton<BudgetLedger>();
        builder.Services.AddSingleton<BudgetState>();
        builder.Services.AddSingleton<UsageLog>();
        builder.Services.AddHostedService(services => services.GetRequiredService<UsageLog>());
    }
}
