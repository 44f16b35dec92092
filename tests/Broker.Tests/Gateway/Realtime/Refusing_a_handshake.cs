using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using TokenBroker.Samples.SandboxUpstream;
using TokenBroker.Tests.Host;
using TokenBroker.Tests.Safety;

namespace TokenBroker.Tests.Gateway.Realtime;

/// <summary>What stops a session stops it before the upgrade, in plain HTTP, and the provider never hears of it.</summary>
public sealed class Refusing_a_handshake(PrivateBroker own) : IClassFixture<PrivateBroker>
{
    private BrokerHost Broker => own.Host;

    [Theory]
    [Trait("Checklist", "27")]
    [InlineData("/realtime", 403, "model_not_allowed")]
    [InlineData("/realtime?", 403, "model_not_allowed")]
    [InlineData("/realtime?model=", 403, "model_not_allowed")]
    [InlineData("/realtime?model=gpt%2drealtime", 403, "model_not_allowed")]
    [InlineData("/realtime?model=gpt-realtime/..", 403, "model_not_allowed")]
    [InlineData("/realtime?model=a-model-of-tomorrow", 403, "model_not_allowed")]
    [InlineData("/realtime?model=gpt-4o-mini", 403, "model_not_allowed")]
    [InlineData("/realtime?model=gpt-realtime&model=gpt-realtime", 400, "invalid_request")]
    [InlineData("/realtime?model=gpt-realtime&intent=transcription", 403, "operation_not_allowed")]
    [InlineData("/realtime?call_id=rtc_1", 403, "operation_not_allowed")]
    [InlineData("/realtime?Model=gpt-realtime", 403, "operation_not_allowed")]
    [InlineData("/realtime/?model=gpt-realtime", 403, "operation_not_allowed")]
    [InlineData("/Realtime?model=gpt-realtime", 403, "operation_not_allowed")]
    [InlineData("/%72ealtime?model=gpt-realtime", 403, "operation_not_allowed")]
    public Task Of_an_address_that_is_not_exactly_right(string path, int status, string code) => RefusedAsync(path, status, code);

    [Fact]
    public async Task Without_its_scope()
    {
        using var connected = await Connected.AsAsync(Broker, "openai:chat openai:models offline_access");

        var error = await RefusedAsync(AppSocket.Path, 403, "insufficient_scope", connected: connected);

        error.GetProperty("message").GetString().Should().Contain("openai:realtime");
    }

    [Fact]
    [Trait("Checklist", "27")]
    public async Task For_a_model_that_the_user_did_not_name()
    {
        using var connected = await Connected.AsAsync(Broker, AppSocket.Scope, models: "gpt-realtime-mini");

        await RefusedAsync(AppSocket.Path, 403, "model_not_allowed", connected: connected);
    }

    [Fact]
    [Trait("Checklist", "28")]
    public async Task That_the_budget_cannot_pay_one_response_of()
    {
        using var connected = await Connected.AsAsync(Broker, AppSocket.Scope, budget: "0.01");

        await RefusedAsync(AppSocket.Path, 402, "budget_exhausted", connected: connected);
    }

    [Fact]
    public async Task Once_the_grant_is_paused()
    {
        using var connected = await Connected.AsAsync(Broker, AppSocket.Scope);
        await connected.Person.PressAsync("Test App", "Pause");

        await RefusedAsync(AppSocket.Path, 403, "grant_paused", connected: connected);
    }

    [Fact]
    public async Task Of_a_person_whose_calls_are_moderated()
    {
        using var connected = await Connected.AsAsync(Broker, AppSocket.Scope);
        await connected.Person.WantModerationAsync();

        await RefusedAsync(AppSocket.Path, 400, "content_unreadable", connected: connected);
    }

    [Theory]
    [InlineData("https://elsewhere.example")]
    [InlineData("null")]
    [InlineData("https://app.example, https://elsewhere.example")]
    public Task From_a_page_that_no_app_registered(string origin) =>
        RefusedAsync(AppSocket.Path, 403, "operation_not_allowed", request => request.Headers.TryAddWithoutValidation("Origin", origin));

    [Fact]
    public async Task But_not_from_a_registered_page()
    {
        using var connected = await Connected.AsAsync(Broker, AppSocket.Scope);
        using var app = await AppSocket.ConnectAsync(connected, prepare: socket =>
        {
            socket.Options.SetRequestHeader("Origin", "https://app.example");
            socket.Options.SetRequestHeader("Authorization", "Bearer " + connected.Tokens.AccessToken);
        });

        (await app.ReceivedAsync()).Headers.Should().NotContain(h => h.Key == "Origin");
    }

    [Fact]
    public Task That_is_none() => RefusedAsync(AppSocket.Path, 400, "invalid_request", request => request.Headers.Upgrade.Clear());

    [Theory]
    [InlineData("")]
    [InlineData("Bearer nonsense")]
    [InlineData("Basic YTpi")]
    public Task Without_a_token_of_ours(string authorization) => RefusedAsync(
        AppSocket.Path, 401, "invalid_token", request =>
        {
            request.Headers.Remove("Authorization");
            request.Headers.TryAddWithoutValidation("Authorization", authorization.Length == 0 ? [] : [authorization]);
        });

    [Theory]
    [InlineData("realtime, openai-insecure-api-key.nonsense")]
    [InlineData("realtime, openai-insecure-api-key.a, openai-insecure-api-key.b")]
    public Task With_a_bad_token_among_the_subprotocols(string protocols) => RefusedAsync(
        AppSocket.Path, 401, "invalid_token", request =>
        {
            request.Headers.Remove("Authorization");
            request.Headers.TryAddWithoutValidation("Sec-WebSocket-Protocol", protocols);
        });

    [Fact]
    public Task With_a_token_in_two_places() => RefusedAsync(
        AppSocket.Path, 401, "invalid_token", request => request.Headers.TryAddWithoutValidation("Sec-WebSocket-Protocol", "realtime, openai-insecure-api-key.a"));

    [Fact]
    public Task For_another_subprotocol() => RefusedAsync(
        AppSocket.Path, 400, "invalid_request", request => request.Headers.TryAddWithoutValidation("Sec-WebSocket-Protocol", "chat"));

    [Theory]
    [InlineData("/models")]
    [InlineData("/models/gpt-4o-mini")]
    public async Task Of_another_operation_which_is_answered_as_ever(string path)
    {
        var connected = await own.SomebodyAsync();
        using var request = Request(connected, path);

        using var response = await Broker.NewClient().SendAsync(request);

        response.StatusCode.Should().Be(HttpStatusCode.OK);
        (await connected.ReceivedAsync(path)).Headers.Should().NotContain(h => h.Key == "Upgrade" || h.Key.StartsWith("Sec-WebSocket", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("POST")]
    [InlineData("DELETE")]
    public async Task By_another_method(string method)
    {
        var connected = await own.SomebodyAsync();

        using var response = await connected.Api.SendAsync(new HttpMethod(method), AppSocket.Path);

        (await Api.ErrorAsync(response)).Code.Should().Be("operation_not_allowed");
    }

    [Theory]
    [InlineData(FaultKind.Unauthorized, 403, "upstream_key_rejected")]
    [InlineData(FaultKind.UnauthorizedFull, 403, "upstream_key_rejected")]
    [InlineData(FaultKind.ForbiddenCountry, 403, "upstream_key_rejected")]
    [InlineData(FaultKind.RateLimited, 502, "upstream_unavailable")]
    [InlineData(FaultKind.ServerError, 502, "upstream_unavailable")]
    [InlineData(FaultKind.Redirect, 502, "upstream_unavailable")]
    [InlineData(FaultKind.DropBefore, 502, "upstream_unavailable")]
    public async Task By_the_provider_in_the_brokers_own_words(FaultKind fault, int status, string code)
    {
        using var connected = await Connected.AsAsync(Broker, AppSocket.Scope);
        Broker.Faults.Next(fault, path: "/v1/realtime");
        using var request = Request(connected, AppSocket.Path);

        using var response = await Broker.NewClient().SendAsync(request);

        ((int)response.StatusCode).Should().Be(status);
        (await Api.ErrorAsync(response)).Code.Should().Be(code);
        (await response.Content.ReadAsStringAsync()).Should().NotContain(connected.Key[..8]).And.NotContain(connected.Key[^4..]);
    }

    [Fact]
    public async Task Where_the_places_are_taken_by_open_sessions()
    {
        await using var broker = await BrokerHost.StartAsync(new() { ["Gateway:ConcurrentCalls"] = "1" });
        using var connected = await Connected.AsAsync(broker, AppSocket.Scope);
        using (var app = await AppSocket.OpenAsync(connected))
        {
            using var request = Request(connected, AppSocket.Path);
            using var response = await broker.NewClient().SendAsync(request);
            (await Api.ErrorAsync(response)).Code.Should().Be("rate_limited");
        }

        var again = await Eventually.IsAsync(
            async () =>
            {
                using var request = Request(connected, AppSocket.Path);
                using var response = await broker.NewClient().SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
                return response.StatusCode;
            },
            status => status == HttpStatusCode.SwitchingProtocols);
        again.Should().Be(HttpStatusCode.SwitchingProtocols, "a closed session gives its place back");
    }

    private async Task<JsonElement> RefusedAsync(string path, int status, string code, Action<HttpRequestMessage>? change = null, Connected? connected = null)
    {
        using var somebody = connected is null ? await Connected.AsAsync(Broker, AppSocket.Scope) : null;
        using var request = Request(connected ?? somebody!, path);
        change?.Invoke(request);
        var before = Broker.Journal.Arrived;

        using var response = await Broker.NewClient().SendAsync(request);

        ((int)response.StatusCode).Should().Be(status, await response.Content.ReadAsStringAsync());
        Broker.Journal.Arrived.Should().Be(before, "a refused session is not opened");
        response.Headers.WwwAuthenticate.Count.Should().Be(status switch { 401 => 2, 403 => 1, _ => 0 });
        var error = (await response.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("error");
        error.GetProperty("code").GetString().Should().Be(code);
        return error;
    }

    private static HttpRequestMessage Request(Connected connected, string path)
    {
        var request = new HttpRequestMessage(
            HttpMethod.Get, new Uri(connected.Host.Address + "/openai/v1" + path, new UriCreationOptions { DangerousDisablePathAndQueryCanonicalization = true }));
        request.Headers.Connection.Add("Upgrade");
        request.Headers.Upgrade.Add(new("websocket"));
        request.Headers.Add("Sec-WebSocket-Version", "13");
        request.Headers.Add("Sec-WebSocket-Key", Convert.ToBase64String(new byte[16]));
        request.Headers.Authorization = new("Bearer", connected.Tokens.AccessToken);
        return request;
    }
}
