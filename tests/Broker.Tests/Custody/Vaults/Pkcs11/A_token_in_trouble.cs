using System.Security.Cryptography;
using Azure.Core.Cryptography;
using Net.Pkcs11Interop.Common;
using TokenBroker.Custody;
using TokenBroker.Custody.Vaults;
using TokenBroker.Custody.Vaults.Pkcs11;

namespace TokenBroker.Tests.Custody.Vaults.Pkcs11;

/// <summary>What goes wrong with a token is told apart, closes, and is over when it is mended, without a restart.</summary>
[Trait("Checklist", "15")]
public sealed class A_token_in_trouble : IDisposable
{
    private static readonly EnvelopeBinding Mine = new("user", "record", "openai");
    private readonly SoftToken _token = new();
    private readonly byte[] _dek = RandomNumberGenerator.GetBytes(32);

    private static CancellationToken None => CancellationToken.None;

    public void Dispose() => _token.Dispose();

    [Fact]
    public async Task Is_unavailable_while_it_is_away_and_works_when_it_is_back()
    {
        using var vault = _token.Vault();
        var kek = (IBoundKeyEncryptionKey)await vault.CurrentAsync(None);
        var wrapped = await kek.WrapKeyAsync(vault.Algorithm, _dek, Mine, None);

        _token.GoAway();

        for (var i = 0; i < 3; i++)
        {
            await kek.Awaiting(k => k.UnwrapKeyAsync(vault.Algorithm, wrapped, Mine, None)).Should().ThrowAsync<VaultUnavailableException>();
            await kek.Awaiting(k => k.WrapKeyAsync(vault.Algorithm, _dek, Mine, None)).Should().ThrowAsync<VaultUnavailableException>();
            await vault.Awaiting(v => v.ResolveAsync(kek.KeyId, None)).Should().ThrowAsync<VaultUnavailableException>("a key on a token that is away is not a key that is gone");
            await vault.Awaiting(v => v.CurrentAsync(None)).Should().ThrowAsync<VaultUnavailableException>("no other key may be made meanwhile");
            await vault.Awaiting(v => v.RotateAsync(None)).Should().ThrowAsync<VaultUnavailableException>();
        }

        _token.ComeBack();

        (await BackAsync(() => kek.UnwrapKeyAsync(vault.Algorithm, wrapped, Mine, None))).Should().Equal(_dek);
        (await vault.CurrentAsync(None)).KeyId.Should().Be(kek.KeyId);
        (await vault.VersionsAsync(None)).Should().ContainSingle();
    }

    [Fact]
    public async Task Is_found_again_after_calls_that_were_under_way_when_it_went()
    {
        using var vault = _token.Vault();
        var kek = (IBoundKeyEncryptionKey)await vault.CurrentAsync(None);
        var wrapped = await kek.WrapKeyAsync(vault.Algorithm, _dek, Mine, None);
        using var enough = new CancellationTokenSource();
        var outcomes = new List<Exception?>();
        var callers = Enumerable.Range(0, 8).Select(_ => Task.Run(async () =>
        {
            while (!enough.IsCancellationRequested)
            {
                Exception? failure = null;
                try
                {
                    (await kek.UnwrapKeyAsync(vault.Algorithm, wrapped, Mine, None)).Should().Equal(_dek);
                }
                catch (Exception exception)
                {
                    failure = exception;
                }

                lock (outcomes)
                {
                    outcomes.Add(failure);
                }

                await Task.Delay(1);
            }
        })).ToList();

        try
        {
            for (var i = 0; i < 3; i++)
            {
                await SomeAsync(outcomes, failure => failure is null);
                _token.GoAway();
                await SomeAsync(outcomes, failure => failure is not null);
                _token.ComeBack();
            }

            await SomeAsync(outcomes, failure => failure is null);
        }
        finally
        {
            await enough.CancelAsync();
            await Task.WhenAll(callers);
        }

        outcomes.Where(failure => failure is not null).Should().AllBeOfType<VaultUnavailableException>();
    }

    [Fact]
    public async Task Holds_up_no_caller_while_it_hangs_and_begins_nothing_that_nobody_waits_for()
    {
        using var sessions = new TokenSessions(_token.Options(options => options.Sessions = 1));
        using var hangs = new ManualResetEventSlim();
        using var gone = new CancellationTokenSource();
        var begun = 0;
        var hanging = sessions.RunAsync(_ => hangs.Wait(TimeSpan.FromSeconds(30)), null, None);
        var waiting = sessions.RunAsync(_ => Interlocked.Increment(ref begun), null, gone.Token);

        await gone.CancelAsync();
        await waiting.Invoking(task => task).Should().ThrowAsync<OperationCanceledException>();
        hangs.Set();

        (await hanging).Should().BeTrue();
        (await sessions.RunAsync(session => session.Keys().Count, null, None)).Should().Be(0, "it goes on");
        begun.Should().Be(0);
    }

    [Fact]
    public async Task Opens_its_sessions_again_when_they_were_closed_behind_its_back()
    {
        using var vault = _token.Vault(options => options.Sessions = 1);
        var kek = (IBoundKeyEncryptionKey)await vault.CurrentAsync(None);
        var wrapped = await kek.WrapKeyAsync(vault.Algorithm, _dek, Mine, None);

        Pkcs11Module.Of(_token.Library).Use(library =>
        {
            library.GetSlotList(SlotsType.WithTokenPresent).ForEach(slot => slot.CloseAllSessions());
            return 0;
        });

        (await kek.UnwrapKeyAsync(vault.Algorithm, wrapped, Mine, None)).Should().Equal(_dek, "nobody notices");
    }

    [Fact]
    public async Task Logs_in_again_when_somebody_logged_it_out()
    {
        using var vault = _token.Vault(options => options.Sessions = 1);
        var kek = (IBoundKeyEncryptionKey)await vault.CurrentAsync(None);
        var wrapped = await kek.WrapKeyAsync(vault.Algorithm, _dek, Mine, None);

        _token.AsAnother(session =>
        {
            session.Logout();
            return 0;
        });

        (await kek.UnwrapKeyAsync(vault.Algorithm, wrapped, Mine, None)).Should().Equal(_dek);
    }

    [Fact]
    public async Task Tries_a_wrong_PIN_once_and_again_only_when_it_changed()
    {
        _token.WritePin("wrong-pin");
        using var vault = _token.Vault();
        await vault.Awaiting(v => v.CurrentAsync(None)).Should().ThrowAsync<VaultRefusedException>().WithMessage("*refused the PIN*");

        // Were the second one sent to the token, it would have let it in.
        _token.AsAnother(session =>
        {
            session.SetPin(SoftToken.Pin, "wrong-pin");
            session.Logout();
            return 0;
        });
        await Task.WhenAll(Enumerable.Range(0, 10).Select(_ => vault.Awaiting(v => v.CurrentAsync(None)).Should().ThrowAsync<VaultRefusedException>().WithMessage("*before*")));
        _token.WritePin("wrong-pin");

        (await vault.CurrentAsync(None)).KeyId.Should().NotBeEmpty("the file was written anew");
    }

    [Theory]
    [InlineData(CKF.CKF_USER_PIN_LOCKED, "*locked*")]
    [InlineData(CKF.CKF_USER_PIN_FINAL_TRY | CKF.CKF_USER_PIN_COUNT_LOW, "*lock itself*")]
    public void Never_uses_up_the_last_try(uint flags, string complaint)
    {
        var require = () => TokenPin.RequireTries(flags);

        require.Should().Throw<VaultRefusedException>().WithMessage(complaint);
        FluentActions.Invoking(() => TokenPin.RequireTries(CKF.CKF_USER_PIN_COUNT_LOW)).Should().NotThrow();
    }

    [Fact]
    public async Task Reads_no_PIN_that_others_can_read()
    {
        if (OperatingSystem.IsWindows())
        {
            return;
        }

        File.SetUnixFileMode(_token.PinFile, UnixFileMode.UserRead | UnixFileMode.OtherRead);
        using var vault = _token.Vault();

        await vault.Awaiting(v => v.CurrentAsync(None)).Should().ThrowAsync<VaultRefusedException>().WithMessage("*chmod 600*");
    }

    [Fact]
    public async Task Takes_no_key_that_could_be_taken_out()
    {
        _token.MakeKey("01", extractable: true);
        using var vault = _token.Vault();

        await vault.Awaiting(v => v.CurrentAsync(None)).Should().ThrowAsync<VaultRefusedException>().WithMessage("*taken out*");

        (await vault.RotateAsync(None)).Should().NotEndWith(":01");
        await vault.CurrentAsync(None);
    }

    [Fact]
    public async Task Refuses_with_a_key_that_may_not_be_used()
    {
        using var vault = _token.Vault();
        var kek = (IBoundKeyEncryptionKey)await vault.CurrentAsync(None);
        var wrapped = await kek.WrapKeyAsync(vault.Algorithm, _dek, Mine, None);
        Allow(kek, false);

        await kek.Awaiting(k => k.UnwrapKeyAsync(vault.Algorithm, wrapped, Mine, None)).Should().ThrowAsync<VaultRefusedException>();
        (await vault.VersionsAsync(None)).Single().IsEnabled.Should().BeFalse();
        Allow(kek, true);

        (await kek.UnwrapKeyAsync(vault.Algorithm, wrapped, Mine, None)).Should().Equal(_dek);
    }

    [Fact]
    public async Task Makes_no_other_key_when_it_loses_the_one_it_had()
    {
        using var vault = _token.Vault();
        var kek = await vault.CurrentAsync(None);
        _token.AsAnother(session =>
        {
            session.DestroyObject(_token.Find(session, kek.KeyId[(kek.KeyId.LastIndexOf(':') + 1)..]));
            return 0;
        });

        await vault.Awaiting(v => v.CurrentAsync(None)).Should().ThrowAsync<KeyNotFoundException>();
        (await vault.VersionsAsync(None)).Should().BeEmpty();
    }

    [Fact]
    public async Task Makes_no_key_beside_other_things_of_its_label()
    {
        _token.AsAnother(session => session.CreateObject(
        [
            SoftToken.Attribute(CKA.CKA_CLASS, (ulong)CKO.CKO_DATA), SoftToken.Attribute(CKA.CKA_TOKEN, true), SoftToken.Attribute(CKA.CKA_LABEL, "tokenbroker"),
        ]));
        using var vault = _token.Vault();

        await vault.Awaiting(v => v.CurrentAsync(None)).Should().ThrowAsync<VaultRefusedException>().WithMessage("*KeyLabel*");
    }

    [Fact]
    public async Task Refuses_keys_that_cannot_be_told_apart()
    {
        _token.MakeKey("01");
        _token.MakeKey("01");
        using var vault = _token.Vault();

        await vault.Awaiting(v => v.CurrentAsync(None)).Should().ThrowAsync<VaultRefusedException>().WithMessage("*CKA_ID*");
        await vault.Awaiting(v => v.ResolveAsync("pkcs11:broker-token/tokenbroker:01", None)).Should().ThrowAsync<VaultRefusedException>();
    }

    [Fact]
    public async Task Says_which_library_or_token_is_not_there()
    {
        using var noLibrary = _token.Vault(options => options.Library = "/nowhere/lib.so");
        using var noToken = _token.Vault(options => options.TokenLabel = "another");

        await noLibrary.Awaiting(v => v.CurrentAsync(None)).Should().ThrowAsync<VaultRefusedException>().WithMessage("*/nowhere/lib.so*");
        await noToken.Awaiting(v => v.CurrentAsync(None)).Should().ThrowAsync<VaultUnavailableException>().WithMessage("*'another'*");
    }

    [Fact]
    public void Is_not_configured_by_halves()
    {
        Pkcs11Options.ComplaintOf(_token.Options()).Should().BeNull();
        Pkcs11Options.ComplaintOf(null).Should().Contain("Vault:Pkcs11");
        Pkcs11Options.ComplaintOf(_token.Options(o => o.Library = "libsofthsm2.so")).Should().Contain("full path");
        Pkcs11Options.ComplaintOf(_token.Options(o => o.TokenLabel = " ")).Should().Contain("TokenLabel");
        Pkcs11Options.ComplaintOf(_token.Options(o => o.Pin = "1234")).Should().Contain("only one");
        Pkcs11Options.ComplaintOf(_token.Options(o => o.PinFile = null)).Should().Contain("PinFile");
        Pkcs11Options.ComplaintOf(_token.Options(o => o.Sessions = 0)).Should().Contain("Sessions");
    }

    private void Allow(IKeyEncryptionKey kek, bool value) => _token.AsAnother(session =>
    {
        var key = _token.Find(session, kek.KeyId[(kek.KeyId.LastIndexOf(':') + 1)..]);
        session.SetAttributeValue(key, [SoftToken.Attribute(CKA.CKA_ENCRYPT, value), SoftToken.Attribute(CKA.CKA_DECRYPT, value)]);
        return 0;
    });

    /// <summary>The library may be initialised anew once a second, so that a token is found again a moment after it is there.</summary>
    private static Task<byte[]?> BackAsync(Func<Task<byte[]>> call) => Host.Eventually.IsAsync<byte[]?>(
        async () =>
        {
            try
            {
                return await call();
            }
            catch (VaultUnavailableException)
            {
                return null;
            }
        },
        result => result is not null);

    private static async Task SomeAsync(List<Exception?> outcomes, Func<Exception?, bool> fits)
    {
        lock (outcomes)
        {
            outcomes.RemoveAll(failure => failure is null or VaultUnavailableException);
        }

        (await Host.Eventually.IsAsync(
            () =>
            {
                lock (outcomes)
                {
                    return Task.FromResult(outcomes.Any(fits));
                }
            },
            some => some)).Should().BeTrue();
    }
}
