namespace TokenBroker.Notices;

internal static class NoticesSetup
{
    public static void AddNotices(this WebApplicationBuilder builder) => builder.Services.AddScoped<NoticeBoard>();
}
