using Microsoft.AspNetCore.Identity;
using Microsoft.AspNetCore.Mvc.RazorPages;
using Microsoft.EntityFrameworkCore;
using TokenBroker.Accounts;
using TokenBroker.Accounts.Passkeys;
using TokenBroker.Storage;

namespace TokenBroker.Pages.Account;

/// <summary>What opens this account, and where it is open: passkeys, password, sessions, API tokens.</summary>
internal sealed class SecurityModel(BrokerDbContext db, PasskeyRing passkeys, Sessions sessions, ApiTokens apiTokens, TimeProvider time) : PageModel
{
    public IReadOnlyList<UserPasskeyInfo> Passkeys { get; private set; } = [];

    public IReadOnlyList<Session> Sessions { get; private set; } = [];

    public IReadOnlyList<ApiToken> ApiTokens { get; private set; } = [];

    public bool HasPassword { get; private set; }

    public DateTime Now { get; private set; }

    public CurrentSession Current { get; private set; } = null!;

    public bool CanRemovePasskeys => HasPassword || Passkeys.Count > 1;

    public async Task OnGetAsync(CancellationToken cancellationToken)
    {
        Current = HttpContext.CurrentSession()!;
        Now = time.GetUtcNow().UtcDateTime;
        HasPassword = await db.Users.AnyAsync(u => u.Id == Current.UserId && u.PasswordHash != null, cancellationToken);
        Passkeys = [.. (await passkeys.ListAsync(Current.UserId, cancellationToken)).OrderBy(p => p.CreatedAt)];
        ApiTokens = await apiTokens.ListAsync(Current.UserId, cancellationToken);
        Sessions = await sessions.OpenAsync(Current.UserId, cancellationToken);
    }
}
