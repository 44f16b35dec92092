using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.RazorPages;
using Microsoft.EntityFrameworkCore;
using TokenBroker.Accounts;
using TokenBroker.Apps;
using TokenBroker.Apps.Owned;
using TokenBroker.Credit;
using TokenBroker.Custody;
using TokenBroker.Grants;
using TokenBroker.Metering;
using TokenBroker.Storage;

namespace TokenBroker.Pages.Developer;

/// <summary>Prepaid credit with one app of this user: the keys that are up, its users' balances, the secrets for top-ups. Somebody else's is not found.</summary>
internal sealed class AppCreditModel(OwnApps apps, CreditSecrets secrets, WithdrawSponsorKey withdraw, BrokerDbContext db, TimeProvider time) : PageModel
{
    private const int MostUsers = 200;

    public App App { get; private set; } = null!;

    public IReadOnlyList<SponsorKey> Keys { get; private set; } = [];

    public IReadOnlyList<CreditSecret> Secrets { get; private set; } = [];

    /// <summary>Those who have or had credit, the least first: they are who will ask.</summary>
    public IReadOnlyList<CreditAccount> Users { get; private set; } = [];

    public DateTime Now => time.GetUtcNow().UtcDateTime;

    public async Task<IActionResult> OnGetAsync(string clientId, CancellationToken cancellationToken)
    {
        if (!await LoadAsync(clientId, cancellationToken))
        {
            return NotFound();
        }

        Keys = await db.SponsorKeys.AsNoTracking().Where(k => k.SponsorId == App.Id).OrderBy(k => k.CreatedAt).ToListAsync(cancellationToken);
        Secrets = await secrets.ListAsync(App.Id, cancellationToken);
        Users = await db.CreditAccounts.AsNoTracking().Where(a => a.SponsorId == App.Id && a.Kind == CreditAccountKind.User)
            .OrderBy(a => a.BalanceMicros).Take(MostUsers).ToListAsync(cancellationToken);
        return Page();
    }

    public async Task<IActionResult> OnPostWithdrawAsync(string clientId, string? upstream, CancellationToken cancellationToken)
    {
        if (!await LoadAsync(clientId, cancellationToken)
            || await withdraw.RunAsync(App.Id, upstream ?? "", $"user:{HttpContext.UserId()}", cancellationToken) is not { } grants)
        {
            return NotFound();
        }

        TempData["Flash"] = grants == 0 ? "The key is withdrawn. Nobody's calls were made with it." : "The key is withdrawn. Calls that credit pays for are refused from now on; the credit stays.";
        return RedirectToPage(new { clientId });
    }

    public async Task<IActionResult> OnPostRevokeAsync(string clientId, Guid id, CancellationToken cancellationToken)
    {
        if (!await LoadAsync(clientId, cancellationToken) || !await secrets.RevokeAsync(App.Id, id, $"user:{HttpContext.UserId()}", cancellationToken))
        {
            return NotFound();
        }

        TempData["Flash"] = "The secret is revoked. It tops nothing up any more.";
        return RedirectToPage(new { clientId });
    }

    private async Task<bool> LoadAsync(string clientId, CancellationToken cancellationToken)
    {
        if (await apps.FindAsync(HttpContext.UserId(), clientId, cancellationToken) is not { } app)
        {
            return false;
        }

        App = app;
        return true;
    }
}
