using System.Reflection;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using TokenBroker.Sdk;
using TokenBroker.Sdk.Connections;
using TokenBroker.Sdk.Tokens;
using TokenBroker.Tests.Apps;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Gateway;

public sealed class Secrets_of_the_app(SharedBroker shared)
{
    private BrokerHost Broker => shared.Host;

    [Fact]
    public async Task Are_in_no_log_line_and_no_exception_whatever_happens()
    {
        await using var broker = await BrokerHost.StartAsync();
        await using var app = await AppHost.StartAsync(broker);
        using var person = await app.ConnectedPersonAsync("ada");
        var texts = new List<string>();
        var chat = app.Of("ada").CreateChatClient("gpt-4o-mini", options => options.RetryPolicy = new System.ClientModel.Primitives.ClientRetryPolicy(0));
        await chat.CompleteChatAsync("Hello");
        foreach (var question in new[] { "[[fault:drop_before]]", "[[fault:unauthorized_full]]", "[[fault:server_error]]", "[[fault:malformed_json]]" })
        {
            await KeepExceptionAsync(() => chat.CompleteChatAsync(question));
        }

        using (await app.PressAsync(person, "/tokenbroker/connect", "ada"))
        {
            await app.ConnectAsync(person, "ada");
        }

        await person.PressAsync("Sdk App", "Revoke");
        await KeepExceptionAsync(() => chat.CompleteChatAsync("Hello"));
        await KeepExceptionAsync(() => chat.CompleteChatAsync("Hello"));
        await app.ConnectAsync(person, "ada");
        await broker.StopBrokerAsync();
        await KeepExceptionAsync(() => chat.CompleteChatAsync("Hello"));
        await app.Of("ada").DisconnectAsync();

        app.Traffic.Secrets.Count.Should().BeGreaterThanOrEqualTo(12, "three connects of four secrets");
        var codes = app.Traffic.To("/connect/token").Count;
        codes.Should().Be(3);

        // ASP.NET Core's own request log shows the callback's address and its code: the README says so, and how to be rid of it.
        var lines = app.Log.Lines.Where(line => !line.Contains(" Microsoft.AspNetCore.", StringComparison.Ordinal)).Concat(texts).ToList();
        lines.Should().NotBeEmpty();
        foreach (var secret in app.Traffic.Secrets.Append(app.Settings.ClientSecret))
        {
            lines.Should().NotContain(line => line.Contains(secret, StringComparison.Ordinal));
        }

        app.Log.Lines.Should().NotContain(line => line.Contains("Bearer ", StringComparison.Ordinal) || line.Contains("Basic ", StringComparison.Ordinal));

        async Task KeepExceptionAsync(Func<Task> call)
        {
            var exception = (await call.Should().ThrowAsync<Exception>()).Which;
            texts.Add(exception.ToString());
        }
    }

    [Fact]
    public async Task Are_in_no_text_or_json_of_the_types_that_hold_them()
    {
        await using var app = await AppHost.StartAsync(Broker);
        using var person = await app.ConnectedPersonAsync("ada");
        var connection = app.Of("ada");
        var id = app.Services.GetRequiredService<CurrentUser>().UserConnection("ada");
        var stored = await app.Services.GetRequiredService<TokenVault>().ReadAsync(id, CancellationToken.None);
        var grant = await connection.GetGrantAsync();

        object[] holders = [connection, grant!, stored!, stored!.AccessToken, stored.RefreshToken!];
        List<string> texts = [.. holders.Select(holder => $"{holder}"), JsonSerializer.Serialize(connection), JsonSerializer.Serialize(grant)];

        foreach (var secret in app.Traffic.Secrets)
        {
            texts.Should().NotContain(text => text.Contains(secret, StringComparison.Ordinal));
        }

        $"{stored.AccessToken}".Should().Be("REDACTED");
        var serialise = () => JsonSerializer.Serialize(stored);
        serialise.Should().Throw<NotSupportedException>().WithMessage("*never serialised*");
    }

    [Fact]
    public void Are_held_by_no_public_property_of_an_exception()
    {
        var exceptions = typeof(TokenBrokerException).Assembly.GetExportedTypes().Where(type => type.IsAssignableTo(typeof(Exception))).ToList();

        exceptions.Should().HaveCount(8);
        exceptions.SelectMany(type => type.GetProperties(BindingFlags.Public | BindingFlags.Instance | BindingFlags.DeclaredOnly).Select(property => property.Name))
            .Distinct().Should().BeEquivalentTo(["Code", "RequestId", "PortalUrl", "RetryAfter"]);
    }
}
