using System.Collections.Frozen;
using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using TokenBroker.Storage;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace TokenBroker.Apps;

/// <summary>
/// The web origins that may call this broker from a browser: those of the redirect URIs of public web apps, and no
/// others. Kept in memory, since a preflight comes from anybody and must not cost a query; read again after an app
/// changed here, and within a minute of any other change.
/// </summary>
internal sealed class RegisteredOrigins(IServiceScopeFactory scopes, TimeProvider time) : IDisposable
{
    private static readonly TimeSpan Freshness = TimeSpan.FromMinutes(1);

    private readonly SemaphoreSlim _reading = new(1);
    private volatile Snapshot? _current;

    /// <param name="origin">As a browser sends it; <c>null</c>, which sandboxed frames send, is never registered.</param>
    /// <param name="cancellationToken">Cancels the reading.</param>
    public async ValueTask<bool> ContainAsync(string origin, CancellationToken cancellationToken)
    {
        if (_current is { } current && IsFresh(current))
        {
            return current.Origins.Contains(origin);
        }

        await _reading.WaitAsync(cancellationToken);
        try
        {
            if (_current is not { } read || !IsFresh(read))
            {
                _current = read = new Snapshot(await ReadAsync(cancellationToken), time.GetTimestamp());
            }

            return read.Origins.Contains(origin);
        }
        finally
        {
            _reading.Release();
        }
    }

    /// <summary>An app was registered, changed or deleted.</summary>
    public void Forget() => _current = null;

    public void Dispose() => _reading.Dispose();

    /// <summary>The origin of a redirect URI as browsers write it (RFC 6454, section 6.2); null for what is no web address.</summary>
    internal static string? OriginOf(string redirectUri)
    {
        if (!AppRules.IsSafe(redirectUri) || !Uri.TryCreate(redirectUri, UriKind.Absolute, out var uri))
        {
            return null;
        }

        var host = uri.HostNameType == UriHostNameType.IPv6 ? uri.Host : uri.IdnHost;
        return uri.IsDefaultPort ? $"{uri.Scheme}://{host}" : $"{uri.Scheme}://{host}:{uri.Port}";
    }

    private bool IsFresh(Snapshot snapshot) => time.GetElapsedTime(snapshot.ReadAt) < Freshness;

    private async Task<FrozenSet<string>> ReadAsync(CancellationToken cancellationToken)
    {
        await using var scope = scopes.CreateAsyncScope();
        var lists = await scope.ServiceProvider.GetRequiredService<BrokerDbContext>().Apps.AsNoTracking()
            .Where(a => a.ClientType == ClientTypes.Public && a.ApplicationType == ApplicationTypes.Web && a.RedirectUris != null)
            .Select(a => a.RedirectUris!)
            .ToListAsync(cancellationToken);
        return lists
            .SelectMany(list => JsonSerializer.Deserialize<string[]>(list) ?? [])
            .Select(OriginOf)
            .OfType<string>()
            .ToFrozenSet(StringComparer.Ordinal);
    }

    private sealed record Snapshot(FrozenSet<string> Origins, long ReadAt);
}
