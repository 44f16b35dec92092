using Microsoft.AspNetCore.Mvc.RazorPages;
using TokenBroker.Accounts;
using TokenBroker.Apps;
using TokenBroker.Apps.Owned;
using TokenBroker.Apps.Review;

namespace TokenBroker.Pages.Developer;

/// <summary>The apps that this user registered.</summary>
internal sealed class OwnAppsModel(OwnApps apps, TesterLimit testers) : PageModel
{
    public IReadOnlyList<(App App, int Testers)> Rows { get; private set; } = [];

    public int Limit => testers.Limit;

    public async Task OnGetAsync(CancellationToken cancellationToken)
    {
        List<(App, int)> rows = [];
        foreach (var app in await apps.ListAsync(HttpContext.UserId(), cancellationToken))
        {
            rows.Add((app, await testers.CountAsync(app.Id, cancellationToken)));
        }

        Rows = rows;
    }
}
