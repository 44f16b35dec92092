using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Microsoft.AspNetCore.WebUtilities;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Authorization.PushedRequests;

/// <summary>An app that pushes its request first (RFC 9126), and the person whom it then sends.</summary>
internal static class Pushing
{
    public static Task<HttpResponseMessage> PushAsync(this OAuthApp app, Dictionary<string, string?>? change = null)
    {
        // The same request that it would send through the browser.
        var query = QueryHelpers.ParseQuery(app.AuthorizeUrl(change: change).Split('?')[1]);
        return app.PostAsync("/connect/par", query.ToDictionary(pair => pair.Key, pair => (string?)pair.Value.ToString()));
    }

    /// <summary>Pushes, and returns the address to send the person to.</summary>
    public static async Task<string> PushedUrlAsync(this OAuthApp app, Dictionary<string, string?>? change = null)
    {
        using var response = await app.PushAsync(change);
        response.StatusCode.Should().Be(HttpStatusCode.Created, await response.Content.ReadAsStringAsync());
        var json = await response.Content.ReadFromJsonAsync<JsonElement>();
        return UrlOf(app.ClientId, json.GetProperty("request_uri").GetString()!);
    }

    public static string UrlOf(string clientId, string requestUri) =>
        QueryHelpers.AddQueryString("/connect/authorize", new Dictionary<string, string?> { ["client_id"] = clientId, ["request_uri"] = requestUri });

    /// <summary>Follows the app's request_uri to the broker's own.</summary>
    public static async Task<string> TakeAsync(this Person person, string url)
    {
        using var response = await person.GetAsync(url);
        response.StatusCode.Should().Be(HttpStatusCode.Found, await response.Content.ReadAsStringAsync());
        var own = response.Headers.Location!.ToString();
        own.Should().StartWith("/connect/authorize?").And.Contain("urn%3Atokenbroker%3Aconsent%3A");
        return own;
    }
}
