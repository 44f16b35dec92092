using System.Text;
using Microsoft.AspNetCore.WebUtilities;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Authorization;

/// <summary>Whoever steals the database steals no token: neither as it was issued nor in its decoded bytes.</summary>
public sealed class Keeping_tokens_out_of_the_database
{
    [Fact]
    public async Task Holds_in_every_byte_that_is_stored()
    {
        await using var broker = await BrokerHost.StartAsync();
        using var person = await Person.WithKeyAsync(broker);
        var app = new OAuthApp(broker);
        var first = await app.ConnectAsync(person, OAuthApp.DefaultScope + " openid email");
        (await new Api(broker, first.AccessToken).ChatAsync()).EnsureSuccessStatusCode();
        using var refreshed = await app.RefreshAsync(first.RefreshToken);
        using var retried = await app.RefreshAsync(first.RefreshToken);
        var second = await OAuthApp.ReadAsync(refreshed);
        (await new Api(broker, second.AccessToken).ChatAsync()).EnsureSuccessStatusCode();
        using var revoked = await app.RevokeAsync(second.AccessToken);

        // Once with the log files of SQLite, and once after the stop has folded them in.
        NothingIn(await DataFiles.AllOfAsync(broker), first, second);
        await broker.StopBrokerAsync();
        NothingIn(await DataFiles.AllOfAsync(broker), first, second);
    }

    private static void NothingIn(List<(string Name, byte[] Bytes)> stored, params Tokens[] issued)
    {
        stored.Should().Contain(one => one.Name == (PostgreSqlServer.IsForAll ? "table: tokens" : "file: broker.db"));
        foreach (var (file, read) in stored)
        {
            var bytes = read.AsSpan();
            foreach (var token in issued.SelectMany(t => (string[])[t.AccessToken, t.RefreshToken, t.Raw.GetProperty("id_token").GetString()!]))
            {
                // A middle part, since the first characters of every such token are the same.
                var part = token[(token.Length / 2)..][..24];
                (bytes.IndexOf(Encoding.UTF8.GetBytes(part)) >= 0).Should().BeFalse($"{file} must not hold a token");
                (bytes.IndexOf(Encoding.Unicode.GetBytes(part)) >= 0).Should().BeFalse($"{file} must not hold a token");
            }

            foreach (var token in issued.SelectMany(t => (string[])[t.AccessToken, t.RefreshToken]))
            {
                var decoded = WebEncoders.Base64UrlDecode(token);
                (bytes.IndexOf(decoded.AsSpan(decoded.Length / 2, 24)) >= 0).Should().BeFalse($"{file} must not hold a token, decoded");
            }
        }
    }
}
