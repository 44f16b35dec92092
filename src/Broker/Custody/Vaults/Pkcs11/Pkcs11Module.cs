using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using System.Runtime.InteropServices;
using Net.Pkcs11Interop.Common;
using Net.Pkcs11Interop.HighLevelAPI;

namespace TokenBroker.Custody.Vaults.Pkcs11;

/// <summary>
/// A PKCS#11 library, loaded and initialised once in a process however many vaults use it (C_Initialize with the operating
/// system's locks), and never unloaded. A token that went away is noticed by many libraries only when they are initialised
/// anew: <see cref="Restart"/> does that when nobody is inside, and every session of before is then void, which the
/// <see cref="Generation"/> tells.
/// </summary>
[SuppressMessage("Design", "CA1001", Justification = "Lives as long as the process.")]
internal sealed class Pkcs11Module
{
    private static readonly TimeSpan BetweenRestarts = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan WaitsForOthers = TimeSpan.FromSeconds(2);
    private static readonly Dictionary<string, Pkcs11Module> Loaded = new(StringComparer.Ordinal);
    private static readonly Lock Loading = new();

    private readonly ReaderWriterLockSlim _gate = new();
    private readonly string _path;
    private IPkcs11Library? _library;
    private long _restartedAt;

    static Pkcs11Module() => NativeLibrary.SetDllImportResolver(typeof(Pkcs11InteropFactories).Assembly, FindSystemLoader);

    private Pkcs11Module(string path) => _path = path;

    /// <summary>Makes the package's objects; it holds no state.</summary>
    public static Pkcs11InteropFactories Factories { get; } = new();

    /// <summary>How often it was initialised.</summary>
    public int Generation { get; private set; }

    public static Pkcs11Module Of(string path)
    {
        // By another name it would be the same library to the system, and finalised under the other's feet.
        path = File.Exists(path) ? File.ResolveLinkTarget(path, returnFinalTarget: true)?.FullName ?? path : path;
        lock (Loading)
        {
            return Loaded.TryGetValue(path, out var known) ? known : Loaded[path] = new Pkcs11Module(path);
        }
    }

    /// <summary>Runs what uses the library; it is not initialised anew meanwhile.</summary>
    public T Use<T>(Func<IPkcs11Library, T> use)
    {
        EnsureInitialised();
        _gate.EnterReadLock();
        try
        {
            return use(_library ?? throw new VaultUnavailableException($"The PKCS#11 library {_path} is not initialised."));
        }
        finally
        {
            _gate.ExitReadLock();
        }
    }

    /// <summary>Initialises it anew, unless that was just done, or a call hangs inside.</summary>
    /// <param name="generation">The one that the caller had trouble with.</param>
    /// <returns>Whether there is another generation now.</returns>
    public bool Restart(int generation)
    {
        if (!_gate.TryEnterWriteLock(WaitsForOthers))
        {
            return false;
        }

        try
        {
            if (Generation == generation && (_restartedAt == 0 || Stopwatch.GetElapsedTime(_restartedAt) > BetweenRestarts))
            {
                Finalise();
                Initialise();
            }

            return Generation != generation;
        }
        finally
        {
            _gate.ExitWriteLock();
        }
    }

    private void EnsureInitialised()
    {
        if (Volatile.Read(ref _library) is not null)
        {
            return;
        }

        _gate.EnterWriteLock();
        try
        {
            if (_library is null)
            {
                Initialise();
            }
        }
        finally
        {
            _gate.ExitWriteLock();
        }
    }

    private void Finalise()
    {
        try
        {
            _library?.Dispose();
        }
        catch (Pkcs11Exception)
        {
            // It was not initialised any more, which is what was wanted.
        }

        _library = null;
    }

    private void Initialise()
    {
        _restartedAt = Stopwatch.GetTimestamp();
        try
        {
            // This handle is never given back: the package would else unload the library when it finalises it.
            NativeLibrary.Load(_path);
            _library = Factories.Pkcs11LibraryFactory.LoadPkcs11Library(Factories, _path, AppType.MultiThreaded);
            Generation++;
        }
        catch (Pkcs11Exception exception)
        {
            throw Pkcs11Failures.Translate(exception);
        }
        catch (Exception exception) when (exception is UnmanagedException or DllNotFoundException or BadImageFormatException or EntryPointNotFoundException)
        {
            throw new VaultRefusedException($"The PKCS#11 library {_path} cannot be loaded: {exception.Message} Install it, or mend Vault:Pkcs11:Library.", exception);
        }
    }

    /// <summary>The package asks for <c>libdl</c>, of which most systems have only the versioned name.</summary>
    private static nint FindSystemLoader(string name, Assembly assembly, DllImportSearchPath? searchPath) =>
        name == "libdl" && NativeLibrary.TryLoad("libdl.so.2", out var handle) ? handle : nint.Zero;
}
