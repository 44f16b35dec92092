using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text.Json;

namespace TokenBroker.Samples.Quickstart;

/// <summary>
/// The folder that makes a restart find accounts, keys and grants again: the broker's own data, WebChat's, and the
/// secrets that the two share. One run at a time holds it, because each registers WebChat at its own address. It is
/// made for its owner alone, and nothing is deleted in a folder that a quickstart did not make.
/// </summary>
internal sealed class QuickstartData : IDisposable
{
    private const string SecretsFile = "quickstart.json";
    private const string LockFile = "quickstart.lock";
    private readonly FileStream _lock;
    private readonly bool _deleteAtEnd;

    private QuickstartData(string directory, bool deleteAtEnd)
    {
        Directory = directory;
        _deleteAtEnd = deleteAtEnd;
        try
        {
            _lock = new FileStream(Path.Combine(directory, LockFile), Private(FileMode.OpenOrCreate));
        }
        catch (IOException exception)
        {
            throw new IOException($"Another quickstart is using {directory}. Stop that one, or give --data another folder.", exception);
        }
    }

    public string Directory { get; }

    public string BrokerDirectory => Path.Combine(Directory, "broker");

    public string ChatDirectory => Path.Combine(Directory, "webchat");

    public Kept Secrets { get; private set; } = null!;

    public static QuickstartData Open(QuickstartOptions options)
    {
        var directory = options.Throwaway
            ? System.IO.Directory.CreateTempSubdirectory("tokenbroker-").FullName
            : Path.GetFullPath(options.DataDirectory ?? Default());
        if (File.Exists(directory) || (System.IO.Directory.Exists(directory) && IsSomebodyElses(directory)))
        {
            throw new IOException($"{directory} holds something else. Give --data a new or empty folder.");
        }

        CreatePrivate(directory);
        var data = new QuickstartData(directory, options.Throwaway);
        if (options.Fresh)
        {
            data.Forget();
        }

        data.Secrets = data.ReadSecrets();
        CreatePrivate(data.ChatDirectory);
        return data;
    }

    public void Dispose()
    {
        _lock.Dispose();
        if (_deleteAtEnd)
        {
            try
            {
                System.IO.Directory.Delete(Directory, recursive: true);
            }
            catch (IOException)
            {
                // Windows keeps a database that is still pooled; the system clears its temporary folder.
            }
        }
    }

    private static string Default()
    {
        var local = Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData, Environment.SpecialFolderOption.DoNotVerify);
        return local.Length > 0
            ? Path.Combine(local, "TokenBroker-Quickstart")
            : throw new IOException("There is no folder for local application data here: say with --data DIR where to keep things.");
    }

    private static bool IsSomebodyElses(string directory) =>
        System.IO.Directory.EnumerateFileSystemEntries(directory).Any() && !File.Exists(Path.Combine(directory, LockFile));

    private static void CreatePrivate(string directory)
    {
        if (OperatingSystem.IsWindows())
        {
            System.IO.Directory.CreateDirectory(directory);
        }
        else
        {
            System.IO.Directory.CreateDirectory(directory, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }
    }

    private static FileStreamOptions Private(FileMode mode)
    {
        var options = new FileStreamOptions { Mode = mode, Access = FileAccess.ReadWrite, Share = FileShare.None };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }

        return options;
    }

    private static string Random() => Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32));

    private void Forget()
    {
        File.Delete(Path.Combine(Directory, SecretsFile));
        foreach (var folder in new[] { BrokerDirectory, ChatDirectory }.Where(System.IO.Directory.Exists))
        {
            System.IO.Directory.Delete(folder, recursive: true);
        }
    }

    private Kept ReadSecrets()
    {
        using var file = new FileStream(Path.Combine(Directory, SecretsFile), Private(FileMode.OpenOrCreate));
        if (file.Length > 0)
        {
            return JsonSerializer.Deserialize<Kept>(file) ?? throw new InvalidDataException($"{file.Name} cannot be read. Start with --fresh.");
        }

        var made = new Kept(Random(), "sk-sandbox-" + Random(), "sk-sandbox-restricted-" + Random());
        JsonSerializer.Serialize(file, made);
        return made;
    }

    /// <summary>What a restart must know again. The keys are invented ones of the sandbox.</summary>
    internal sealed record Kept(string ChatSecret, string SandboxKey, string RestrictedSandboxKey);
}
