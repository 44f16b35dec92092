using Microsoft.AspNetCore;
using Microsoft.AspNetCore.Diagnostics;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.RazorPages;

namespace TokenBroker.Pages;

/// <summary>Says what went wrong and what to do; never why in the program's words.</summary>
/// <remarks>A failed post is re-executed here as a post. The page changes nothing, so it asks for no token.</remarks>
[IgnoreAntiforgeryToken]
[ResponseCache(NoStore = true, Location = ResponseCacheLocation.None)]
internal sealed class ErrorModel : PageModel
{
    public string Title { get; private set; } = "";

    public string Advice { get; private set; } = "";

    /// <summary>What OAuth says is wrong with the request that an app sent the person here with.</summary>
    public string? Detail { get; private set; }

    /// <summary>Whether those who run the broker can mend it: an address that is not there they cannot.</summary>
    public bool IsTheBrokers { get; private set; }

    public void OnGet() => Show();

    public void OnPost() => Show();

    private void Show()
    {
        // Not from the address or the form, which the sender wrote and which may be what cannot be read. Asked for
        // directly, the address is just one that does not exist.
        var status = HttpContext.Features.Get<IStatusCodeReExecuteFeature>()?.OriginalStatusCode ?? StatusCodes.Status404NotFound;
        Response.StatusCode = status;
        IsTheBrokers = status >= StatusCodes.Status500InternalServerError;
        (Title, Advice) = status switch
        {
            StatusCodes.Status400BadRequest => ("That did not go through",
                "The page was open for too long, or you signed in or out in another tab. Go back, reload it and try again."),
            StatusCodes.Status403Forbidden => ("Not allowed", "Your account may not open this page."),
            StatusCodes.Status404NotFound => ("Nothing here", "There is no page at this address, or it is not yours to see."),
            StatusCodes.Status405MethodNotAllowed => ("Nothing here", "This address cannot be opened like that."),
            StatusCodes.Status429TooManyRequests => ("Too many tries", "Wait a minute, then try again."),
            StatusCodes.Status503ServiceUnavailable => ("Back in a moment", "The broker cannot answer right now. Try again shortly."),
            >= 500 => ("Something broke", "It is not your doing. Nothing was changed; try again in a moment."),
            _ => ("That did not go through", "The request could not be understood. Go back and try again."),
        };

        // An app or redirect URI that is not known is never redirected to: the person is told here.
        if (HttpContext.GetOpenIddictServerResponse() is { Error: { Length: > 0 } error } refused)
        {
            Title = "The app's request was refused";
            Advice = "An app sent you here with a request that this broker does not accept. Nothing was shared. Only the app's developer can mend it.";
            Detail = $"{error}: {refused.ErrorDescription}";
        }
    }
}
