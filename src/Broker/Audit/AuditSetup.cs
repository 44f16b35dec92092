namespace TokenBroker.Audit;

internal static class AuditSetup
{
    public static void AddAudit(this WebApplicationBuilder builder)
    {
        builder.Services.AddScoped<AuditLog>();
        builder.Services.AddSingleton<RefusalLog>();
        builder.Services.AddHostedService(services => services.GetRequiredService<RefusalLog>());
    }
}
