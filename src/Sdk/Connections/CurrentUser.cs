using System.Security.Cryptography;
using System.Text;

using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;

using TokenBroker.Sdk.Connecting;

namespace TokenBroker.Sdk.Connections;

/// <summary>
/// Says whose connection a request may use: the signed-in user's, else the browser's. Ids are hashed with the broker and
/// the app, so that apps that share a store cannot meet, and no user name reaches the store.
/// </summary>
internal sealed class CurrentUser(IOptions<TokenBrokerOptions> options, AppCookies cookies)
{
    public string? UserId(HttpContext http) => options.Value.UserId(http);

    public string? Connection(HttpContext http)
    {
        if (UserId(http) is { } user)
        {
            return UserConnection(user);
        }

        return cookies.ReadBrowser(http) is { } browser ? BrowserConnection(browser) : null;
    }

    public string UserConnection(string userId) => Hash("user", userId);

    public string BrowserConnection(string browserId) => Hash("browser", browserId);

    private string Hash(string kind, string id) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(
        string.Join('\n', options.Value.AuthorityUri.AbsoluteUri, options.Value.ClientId, kind, id))));
}
