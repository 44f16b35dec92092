using Microsoft.AspNetCore.Mvc.RazorPages;

namespace TokenBroker.Pages.Account;

internal static class ReturnUrls
{
    /// <summary>
    /// The address to go on to, if it is on this host; else the first page. A link in a mail cannot send people away.
    /// Letters outside ASCII are escaped, since a Location header cannot hold them.
    /// </summary>
    public static string LocalOrHome(this PageModel page, string? returnUrl) =>
        page.Url.IsLocalUrl(returnUrl) && returnUrl![0] == '/'
            ? string.Concat(returnUrl.EnumerateRunes().Select(rune =>
                rune.Value is > ' ' and <= '~' ? rune.ToString() : Uri.EscapeDataString(rune.ToString())))
            : "/";
}
