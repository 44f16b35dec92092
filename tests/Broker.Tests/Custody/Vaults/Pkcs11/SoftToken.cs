using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Extensions.Logging;
using Net.Pkcs11Interop.Common;
using Net.Pkcs11Interop.HighLevelAPI;
using TokenBroker.Custody.Vaults.Pkcs11;
using TokenBroker.Tests.Host;
using ISession = Net.Pkcs11Interop.HighLevelAPI.ISession;

namespace TokenBroker.Tests.Custody.Vaults.Pkcs11;

/// <summary>
/// A token of softhsm2, with a configuration and folder of its own. The library keeps what it knows for the whole process
/// and finds its configuration by an environment variable: each token has a copy of the library, which the system's loader
/// takes for another one, and in which the variable has another name.
/// </summary>
internal sealed class SoftToken : IDisposable
{
    public const string Label = "broker-token";
    public const string Pin = "plum-otter-1947";
    private static readonly Lock Environment = new();
    private static int s_count;
    private readonly string _directory = Directory.CreateTempSubdirectory("tokenbroker-hsm-").FullName;

    public SoftToken()
    {
        Library = Path.Combine(_directory, "libsofthsm2.so");
        PinFile = Path.Combine(_directory, "pin");
        var variable = $"SOFTHSM2_{Interlocked.Increment(ref s_count):x4}";
        CopyLibrary(FindSoftHsm.Library, variable);
        Directory.CreateDirectory(Tokens);
        File.WriteAllText(Configuration, $"directories.tokendir = {Tokens}\nobjectstore.backend = file\nlog.level = ERROR\n");
        WritePin(Pin);
        Run("--init-token", "--free", "--label", Label, "--pin", Pin, "--so-pin", "security-officer");

        lock (Environment)
        {
            _ = setenv(variable, Configuration, 1);
        }
    }

    public string Library { get; }

    public string PinFile { get; }

    private string Configuration => Path.Combine(_directory, "softhsm2.conf");

    private string Tokens => Path.Combine(_directory, "tokens");

    private Pkcs11Module Module => Pkcs11Module.Of(Library);

    public Pkcs11Options Options(Action<Pkcs11Options>? change = null)
    {
        var options = new Pkcs11Options { Library = Library, TokenLabel = Label, PinFile = PinFile };
        change?.Invoke(options);
        return options;
    }

    public Pkcs11Vault Vault(Action<Pkcs11Options>? change = null, LogCapture? log = null)
    {
        var factory = LoggerFactory.Create(logging =>
        {
            if (log is not null)
            {
                logging.AddProvider(log);
            }
        });
        return new Pkcs11Vault(Options(change), factory.CreateLogger<Pkcs11Vault>());
    }

    public Dictionary<string, string> Settings() => new()
    {
        ["Vault:Provider"] = "pkcs11",
        ["Vault:Pkcs11:Library"] = Library,
        ["Vault:Pkcs11:TokenLabel"] = Label,
        ["Vault:Pkcs11:PinFile"] = PinFile,
    };

    public void WritePin(string pin)
    {
        File.WriteAllText(PinFile, pin + "\n");
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(PinFile, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        }
    }

    /// <summary>The token is pulled out: what the library had open of it, and its files, are gone.</summary>
    public void GoAway() => Directory.Move(Tokens, Tokens + "-away");

    public void ComeBack() => Directory.Move(Tokens + "-away", Tokens);

    /// <summary>Uses the token as another program with the PIN would, by the same library.</summary>
    public T AsAnother<T>(Func<ISession, T> use) => Module.Use(library =>
    {
        using var session = library.GetSlotList(SlotsType.WithTokenPresent).Single(slot => slot.GetTokenInfo().Label.Trim() == Label).OpenSession(SessionType.ReadWrite);
        try
        {
            session.Login(CKU.CKU_USER, Pin);
        }
        catch (Pkcs11Exception exception) when (exception.RV == CKR.CKR_USER_ALREADY_LOGGED_IN)
        {
            // By the vault, which is the same process.
        }

        return use(session);
    });

    public IObjectHandle Find(ISession session, string hexId) =>
        session.FindAllObjects([Attribute(CKA.CKA_ID, Convert.FromHexString(hexId))]).Single();

    public static IObjectAttribute Attribute(CKA type, object value) => value switch
    {
        bool flag => Pkcs11Module.Factories.ObjectAttributeFactory.Create(type, flag),
        byte[] bytes => Pkcs11Module.Factories.ObjectAttributeFactory.Create(type, bytes),
        string text => Pkcs11Module.Factories.ObjectAttributeFactory.Create(type, text),
        ulong number => Pkcs11Module.Factories.ObjectAttributeFactory.Create(type, number),
        _ => throw new ArgumentException("No attribute is of this type.", nameof(value)),
    };

    /// <summary>Makes an AES key as another program might: any attribute can be given another value.</summary>
    public void MakeKey(string hexId, string label = "tokenbroker", bool extractable = false) => AsAnother(session => session.GenerateKey(
        Pkcs11Module.Factories.MechanismFactory.Create(CKM.CKM_AES_KEY_GEN),
        [
            Attribute(CKA.CKA_CLASS, (ulong)CKO.CKO_SECRET_KEY), Attribute(CKA.CKA_KEY_TYPE, (ulong)CKK.CKK_AES), Attribute(CKA.CKA_TOKEN, true),
            Attribute(CKA.CKA_LABEL, label), Attribute(CKA.CKA_ID, Convert.FromHexString(hexId)), Attribute(CKA.CKA_VALUE_LEN, 32UL),
            Attribute(CKA.CKA_PRIVATE, true), Attribute(CKA.CKA_SENSITIVE, true), Attribute(CKA.CKA_EXTRACTABLE, extractable),
            Attribute(CKA.CKA_ENCRYPT, true), Attribute(CKA.CKA_DECRYPT, true),
        ]));

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    private void Run(params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo("softhsm2-util", arguments)
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            Environment = { ["SOFTHSM2_CONF"] = Configuration },
        })!;
        var said = process.StandardOutput.ReadToEnd() + process.StandardError.ReadToEnd();
        process.WaitForExit();
        process.ExitCode.Should().Be(0, string.Create(CultureInfo.InvariantCulture, $"softhsm2-util says: {said}"));
    }

    private void CopyLibrary(string installed, string variable)
    {
        var library = File.ReadAllBytes(installed);
        var at = library.AsSpan().IndexOf("SOFTHSM2_CONF\0"u8);
        at.Should().BePositive("softhsm2 reads that variable");
        Encoding.ASCII.GetBytes(variable, library.AsSpan(at));
        File.WriteAllBytes(Library, library);
    }

    [DllImport("libc", CharSet = CharSet.Ansi)]
    private static extern int setenv(string name, string value, int overwrite);
}
