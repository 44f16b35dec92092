using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.RazorPages;
using Microsoft.EntityFrameworkCore;
using OpenIddict.Abstractions;
using TokenBroker.Accounts;
using TokenBroker.Audit;
using TokenBroker.Custody;
using TokenBroker.Storage;
using TokenBroker.Upstreams;

namespace TokenBroker.Pages.Keys;

/// <summary>One of a user's keys: how it stands, what to do about it, its name, and a test.</summary>
internal sealed class KeyModel(BrokerDbContext db, TestKey test, AuditLog audit, Catalogue catalogue, TimeProvider time) : PageModel
{
    public UpstreamKey Stored { get; private set; } = null!;

    public Upstream Upstream { get; private set; } = null!;

    /// <summary>The apps that call with it now.</summary>
    public IReadOnlyList<string> Apps { get; private set; } = [];

    public DateTime Now => time.GetUtcNow().UtcDateTime;

    public async Task<IActionResult> OnGetAsync(Guid id) => await LoadAsync(id) ? Page() : NotFound();

    public async Task<IActionResult> OnPostNameAsync(Guid id, string? label)
    {
        if (!await LoadAsync(id))
        {
            return NotFound();
        }

        if (StoreKey.NameOf(Upstream, label) is not { } name)
        {
            ModelState.AddModelError("Label", string.IsNullOrWhiteSpace(label) ? "Give the key a name." : StoreKey.NameLooksLikeAKey);
            return Page();
        }

        await db.InTransactionAsync(
            async () =>
            {
                if (await db.UpstreamKeys.Where(k => k.Id == id && k.UserId == Stored.UserId)
                    .ExecuteUpdateAsync(set => set.SetProperty(k => k.Label, name), HttpContext.RequestAborted) == 1)
                {
                    await audit.RecordAsync("key.renamed", $"user:{Stored.UserId}", $"key:{id}", Stored.UserId, null, HttpContext.RequestAborted);
                }
            },
            HttpContext.RequestAborted);
        TempData["Flash"] = "The name is changed.";
        return RedirectToPage(new { id });
    }

    public async Task<IActionResult> OnPostTestAsync(Guid id)
    {
        if (!await LoadAsync(id))
        {
            return NotFound();
        }

        var tested = await test.RunAsync(Stored, Upstream, HttpContext.RequestAborted);
        TempData[tested.Works ? "Flash" : "FlashProblem"] = tested.Words;
        return RedirectToPage(new { id });
    }

    private async Task<bool> LoadAsync(Guid id)
    {
        var userId = HttpContext.UserId();
        var key = await db.UpstreamKeys.AsNoTracking().FirstOrDefaultAsync(k => k.Id == id && k.UserId == userId, HttpContext.RequestAborted);
        if (key is null || catalogue.Find(key.UpstreamId) is not { } upstream)
        {
            return false;
        }

        (Stored, Upstream) = (key, upstream);
        Apps = await db.Grants
            .Where(g => g.UpstreamKeyId == id && g.ParentId == null && g.Status == OpenIddictConstants.Statuses.Valid)
            .Join(db.Apps, g => g.ApplicationId, a => a.Id, (_, a) => a.DisplayName ?? a.ClientId!)
            .Distinct().OrderBy(name => name)
            .ToListAsync(HttpContext.RequestAborted);
        return true;
    }
}
