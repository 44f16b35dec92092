using System.Buffers.Binary;
using System.Buffers.Text;
using System.Security.Cryptography;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.Extensions.Options;
using TokenBroker.Accounts;
using TokenBroker.Authorization;
using TokenBroker.Custody.Uploads;
using TokenBroker.Custody.Vaults;
using Secret = TokenBroker.Custody.Secret;

namespace TokenBroker.Pages.Keys;

/// <summary>What a form needs to seal a key, in base64url as the script takes it.</summary>
internal sealed record UploadForm(string Ticket, string PublicKey, string Info, string AssociatedData);

/// <summary>A key that a form brought, which the caller disposes, or what to say of it.</summary>
internal sealed record TakenKey(Secret? Key, string? Complaint);

/// <summary>
/// Gives each form that takes a key what to seal it with, and opens what comes back. The invariant: a sealed key is
/// opened once, within a quarter of an hour, for the person and the session that the form was shown to. A form's ticket,
/// which Data Protection seals, names them, the upload key, and a nonce that one INSERT uses up. What is posted
/// unsealed is not looked at, unless the operator allows it.
/// </summary>
internal sealed class UploadForms(
    UploadKeys keys, UsedProofs used, IDataProtectionProvider protection, IOptions<UploadOptions> options, TimeProvider time)
{
    public static readonly TimeSpan OpenFor = TimeSpan.FromMinutes(15);

    private const int TicketSize = 8 + (4 * 16);
    private const string Stale = "This page was open for too long, or the key was changed on its way. Nothing was stored. This is a fresh page: paste the key again.";
    private const string Unsealed = "The key was not sealed by your browser, so it was not looked at. Allow scripts for this site, reload the page and paste the key again. "
        + "If something between your browser and this broker may have recorded the key, make a new one.";
    private const string NoVault = "Keys cannot be taken at the moment: the vault of this broker does not answer. Nothing was stored. Try again in a minute.";
    private readonly IDataProtector _protector = protection.CreateProtector("TokenBroker.KeyUpload.1");

    /// <summary>Whether a browser without scripts may post a key as it is.</summary>
    public bool AllowsPlain => options.Value.AllowPlainUpload;

    /// <returns>Null while the vault cannot give what a form needs.</returns>
    public async Task<UploadForm?> NewAsync(HttpContext context)
    {
        var session = context.CurrentSession() ?? throw new InvalidOperationException("Nobody is signed in.");
        try
        {
            var key = await keys.OfferAsync(context.RequestAborted);
            var nonce = RandomNumberGenerator.GetBytes(16);
            var ticket = new byte[TicketSize];
            BinaryPrimitives.WriteInt64BigEndian(ticket, (time.GetUtcNow() + OpenFor).ToUnixTimeMilliseconds());
            session.UserId.TryWriteBytes(ticket.AsSpan(8));
            session.Id.TryWriteBytes(ticket.AsSpan(24));
            key.Id.TryWriteBytes(ticket.AsSpan(40));
            nonce.CopyTo(ticket.AsSpan(56));
            return new UploadForm(
                Base64Url.EncodeToString(_protector.Protect(ticket)),
                Base64Url.EncodeToString(key.PublicKey),
                Base64Url.EncodeToString(SealedUpload.InfoOf(key.Id)),
                Base64Url.EncodeToString(SealedUpload.AssociatedDataOf(session.UserId, session.Id, nonce)));
        }
        catch (Exception exception) when (IsOfTheVault(exception))
        {
            return null;
        }
    }

    public async Task<TakenKey> TakeAsync(CurrentSession session, string? posted, CancellationToken cancellationToken)
    {
        if (posted is null || !SealedUpload.IsOne(posted))
        {
            return AllowsPlain ? new TakenKey(Secret.FromText(posted?.Trim() ?? ""), null) : new TakenKey(null, Unsealed);
        }

        if (SealedUpload.Read(posted) is not { } upload || TicketOf(upload.Ticket) is not { } ticket
            || ticket.Expires <= time.GetUtcNow() || ticket.UserId != session.UserId || ticket.SessionId != session.Id
            || !await used.TryUseAsync("key-upload", session.UserId.ToString("N"), Convert.ToHexString(ticket.Nonce), ticket.Expires, cancellationToken))
        {
            return new TakenKey(null, Stale);
        }

        try
        {
            var binding = SealedUpload.AssociatedDataOf(session.UserId, session.Id, ticket.Nonce);
            var opened = await keys.OpenAsync(ticket.KeyId, upload, binding, cancellationToken);
            return new TakenKey(opened, opened is null ? Stale : null);
        }
        catch (Exception exception) when (IsOfTheVault(exception))
        {
            return new TakenKey(null, NoVault);
        }
    }

    private static bool IsOfTheVault(Exception exception) =>
        exception is VaultUnavailableException or VaultRefusedException or KeyNotFoundException or CryptographicException;

    private Ticket? TicketOf(string text)
    {
        try
        {
            var bytes = _protector.Unprotect(Base64Url.DecodeFromChars(text));
            return bytes.Length != TicketSize ? null : new Ticket(
                DateTimeOffset.FromUnixTimeMilliseconds(BinaryPrimitives.ReadInt64BigEndian(bytes)),
                new Guid(bytes.AsSpan(8, 16)), new Guid(bytes.AsSpan(24, 16)), new Guid(bytes.AsSpan(40, 16)), bytes[56..]);
        }
        catch (Exception exception) when (exception is CryptographicException or FormatException)
        {
            return null;
        }
    }

    private sealed record Ticket(DateTimeOffset Expires, Guid UserId, Guid SessionId, Guid KeyId, byte[] Nonce);
}
