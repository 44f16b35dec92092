namespace TokenBroker.Grants;

internal static class GrantsSetup
{
    public static void AddGrants(this WebApplicationBuilder builder)
    {
        builder.Services.AddSingleton<GrantChanges>();
        builder.Services.AddScoped<ApproveGrant>();
        builder.Services.AddScoped<ChangeGrant>();
        builder.Services.AddScoped<PauseGrant>();
        builder.Services.AddScoped<ReuseNotices>();
        builder.Services.AddScoped<EndGrant>();
        builder.Services.AddScoped<RemoveKey>();
        builder.Services.AddScoped<WithdrawSponsorKey>();
    }
}
