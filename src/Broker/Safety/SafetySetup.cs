namespace TokenBroker.Safety;

internal static class SafetySetup
{
    public static void AddSafety(this WebApplicationBuilder builder)
    {
        builder.Services.AddOptions<ModerationOptions>().BindConfiguration("Safety:Moderation").ValidateDataAnnotations()
            .Validate(options => options.Timeout > TimeSpan.Zero && options.Timeout <= TimeSpan.FromMinutes(5), "Safety:Moderation:Timeout must be above zero, and five minutes at most.")
            .Validate(options => options.Thresholds.Values.All(score => score is > 0 and <= 1), "Safety:Moderation:Thresholds are scores above 0, up to 1.")
            .Validate(options => options.KeyFile is not { Length: > 0 } file || File.Exists(file), "Safety:Moderation:KeyFile names a file that is not there.")
            .ValidateOnStart();
        builder.Services.AddOptions<SafetyOptions>().BindConfiguration("Safety");
        builder.Services.AddOptions<StrikeOptions>().BindConfiguration("Safety:Strikes").ValidateDataAnnotations().ValidateOnStart();
        builder.Services.AddScoped<GrantSafety>();
        builder.Services.AddScoped<ApplySanction>();
        builder.Services.AddScoped<RecordFlag>();
        builder.Services.AddScoped<Appeals>();
        builder.Services.AddScoped<SafetyDesk>();
        builder.Services.AddScoped<WantModeration>();
        builder.Services.AddScoped<RefuseSanctioned>();
        builder.Services.AddOpenIddict().AddServer(RefuseSanctioned.Use);
        builder.Services.AddSingleton<ModerationKey>();
        builder.Services.AddSingleton<Moderator>();
        builder.Services.AddSingleton<RememberedVerdicts>();
        builder.Services.AddSingleton<ContentCheck>();
    }
}
