using Microsoft.AspNetCore.Mvc.RazorPages;

namespace TokenBroker.Pages.Account;

internal static class ReturnUrls
{
    /// <summary>The address to go on to, if it is on this host; else the first page. A link in a mail cannot send people away.</summary>
    public static string LocalOrHome(this PageModel page, string? returnUrl) =>
        page.Url.IsLocalUrl(returnUrl) ? returnUrl! : "/";
}
