using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using AngleSharp.Html.Dom;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Authorization.Devices;

/// <summary>A device that shows a code and polls (RFC 8628), and the person who types the code.</summary>
internal sealed class Device
{
    public const string Scope = "openai:chat openai:models offline_access";

    private Device(OAuthApp app, JsonElement started)
    {
        (App, Started) = (app, started);
    }

    public OAuthApp App { get; }

    /// <summary>The answer of the device authorization endpoint.</summary>
    public JsonElement Started { get; }

    public string UserCode => Started.GetProperty("user_code").GetString()!;

    public string DeviceCode => Started.GetProperty("device_code").GetString()!;

    public static Task<Device> StartAsync(BrokerHost broker, string scope = Scope, string? details = null) =>
        StartAsync(new OAuthApp(broker, BrokerHost.DeviceAppId), scope, details);

    public static async Task<Device> StartAsync(OAuthApp app, string scope = Scope, string? details = null)
    {
        using var response = await AskAsync(app, scope, details);
        response.StatusCode.Should().Be(HttpStatusCode.OK, await response.Content.ReadAsStringAsync());
        return new Device(app, await response.Content.ReadFromJsonAsync<JsonElement>());
    }

    public static Task<HttpResponseMessage> AskAsync(OAuthApp app, string? scope = Scope, string? details = null) =>
        app.PostAsync("/connect/device", new() { ["scope"] = scope, ["authorization_details"] = details });

    public Task<HttpResponseMessage> PollAsync(OAuthApp? app = null) => (app ?? App).TokenAsync(new()
    {
        ["grant_type"] = "urn:ietf:params:oauth:grant-type:device_code",
        ["device_code"] = DeviceCode,
    });

    public async Task<string> PollErrorAsync()
    {
        using var response = await PollAsync();
        response.StatusCode.Should().Be(HttpStatusCode.BadRequest);
        return await OAuthApp.ErrorAsync(response);
    }

    /// <summary>Types a code into the page.</summary>
    public static Task<HttpResponseMessage> EnterAsync(Person person, string code) =>
        person.PostAsync("/connect/verify?user_code=", new() { ["user_code"] = code });

    /// <summary>Types this device's code, and sees who asks.</summary>
    public async Task<IHtmlDocument> SeeAsync(Person person)
    {
        using var response = await EnterAsync(person, UserCode);
        response.StatusCode.Should().Be(HttpStatusCode.OK);
        var page = await Person.ParseAsync(response);
        page.QuerySelector(".device-code-letters").Should().NotBeNull(page.Body!.TextContent);
        return page;
    }

    public static Task<HttpResponseMessage> AnswerAsync(Person person, IHtmlDocument page, string decision = "approve", Dictionary<string, string>? more = null) =>
        person.SubmitAsync(page, "/connect/verify", new(more ?? []) { ["Form.Decision"] = decision });

    /// <summary>Types the code, confirms it and approves.</summary>
    public async Task ApproveAsync(Person person)
    {
        using var response = await AnswerAsync(person, await SeeAsync(person));
        response.StatusCode.Should().Be(HttpStatusCode.SeeOther, await response.Content.ReadAsStringAsync());
    }
}
