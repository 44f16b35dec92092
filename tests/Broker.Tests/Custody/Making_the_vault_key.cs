using System.Security.Cryptography;
using TokenBroker.Custody.Vaults.LocalFile;

namespace TokenBroker.Tests.Custody;

public sealed class Making_the_vault_key : IDisposable
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private readonly string _directory = Directory.CreateTempSubdirectory("tokenbroker-").FullName;

    private string KeyFile => Path.Combine(_directory, "deep", "vault.key");

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public void Makes_a_file_for_its_owner_alone()
    {
        if (OperatingSystem.IsWindows())
        {
            Assert.Skip("Windows has no file modes.");
            return;
        }

        using var vault = LocalFileVault.LoadOrCreate(KeyFile);

        File.GetUnixFileMode(KeyFile).Should().Be(OwnerOnly);
        Convert.FromBase64String(File.ReadAllText(KeyFile).Trim()).Should().HaveCount(32);
    }

    [Theory]
    [InlineData(UnixFileMode.GroupRead)]
    [InlineData(UnixFileMode.GroupWrite)]
    [InlineData(UnixFileMode.OtherRead)]
    [InlineData(UnixFileMode.OtherWrite)]
    public void Refuses_a_file_that_others_can_open(UnixFileMode more)
    {
        if (OperatingSystem.IsWindows())
        {
            Assert.Skip("Windows has no file modes.");
            return;
        }

        LocalFileVault.LoadOrCreate(KeyFile).Dispose();
        File.SetUnixFileMode(KeyFile, OwnerOnly | more);

        var load = () => LocalFileVault.LoadOrCreate(KeyFile);

        load.Should().Throw<InvalidOperationException>().WithMessage("*chmod 600*");
    }

    [Fact]
    public async Task Gives_the_same_key_again_and_never_writes_over_it()
    {
        using var first = LocalFileVault.LoadOrCreate(KeyFile);
        var content = File.ReadAllText(KeyFile);

        using var second = LocalFileVault.LoadOrCreate(KeyFile);

        var one = await first.CurrentAsync(CancellationToken.None);
        var other = await second.CurrentAsync(CancellationToken.None);
        other.KeyId.Should().Be(one.KeyId);
        File.ReadAllText(KeyFile).Should().Be(content);
        var dek = RandomNumberGenerator.GetBytes(32);
        other.UnwrapKey(LocalFileKek.Algorithm, one.WrapKey(LocalFileKek.Algorithm, dek)).Should().Equal(dek);
    }

    [Theory]
    [InlineData("")]
    [InlineData("not base64 !")]
    [InlineData("AAAA")]
    [InlineData("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==")]
    public void Refuses_and_keeps_a_file_that_holds_no_key(string content)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(KeyFile)!);
        File.WriteAllText(KeyFile, content);
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(KeyFile, OwnerOnly);
        }

        var load = () => LocalFileVault.LoadOrCreate(KeyFile);

        load.Should().Throw<InvalidOperationException>().WithMessage("*backup*");
        File.ReadAllText(KeyFile).Should().Be(content);
    }

    [Fact]
    public async Task Zeroes_a_key_that_was_retired_and_opens_nothing_with_it()
    {
        using var vault = LocalFileVault.LoadOrCreate(KeyFile);
        var old = await vault.CurrentAsync(CancellationToken.None);
        var wrapped = old.WrapKey(LocalFileKek.Algorithm, new byte[32]);
        await vault.RotateAsync(CancellationToken.None);
        old.UnwrapKey(LocalFileKek.Algorithm, wrapped).Should().HaveCount(32, "it is an old version, and not retired yet");

        await vault.RetireAsync(old.KeyId, CancellationToken.None);

        var unwrap = () => old.UnwrapKey(LocalFileKek.Algorithm, wrapped);
        unwrap.Should().Throw<KeyNotFoundException>().WithMessage("*retired*");
        File.ReadAllLines(KeyFile).Should().ContainSingle();
    }

    [Fact]
    public async Task Does_not_show_the_key_in_its_name()
    {
        using var vault = LocalFileVault.LoadOrCreate(KeyFile);
        var key = Convert.FromBase64String(File.ReadAllText(KeyFile).Trim());

        (await vault.CurrentAsync(CancellationToken.None)).KeyId.Should().NotContain(Convert.ToHexStringLower(key)[..8]);
    }

    [Fact]
    public async Task Wraps_by_its_own_algorithm_alone()
    {
        using var vault = LocalFileVault.LoadOrCreate(KeyFile);

        var kek = await vault.CurrentAsync(CancellationToken.None);
        var wrap = () => kek.WrapKey("RSA1_5", new byte[32]);

        wrap.Should().Throw<NotSupportedException>();
    }
}
