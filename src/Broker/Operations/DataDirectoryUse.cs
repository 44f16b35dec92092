using Microsoft.Extensions.Options;
using TokenBroker.Storage;

namespace TokenBroker.Operations;

/// <summary>
/// Says to other programs on this machine that a broker uses the data directory, for as long as it runs: the lock of a file,
/// which ends with the process, however that ends. What replaces the database asks for the directory alone.
/// </summary>
internal sealed class DataDirectoryUse(IOptions<StorageOptions> storage) : IDisposable
{
    private const string FileName = "broker.lock";
    private FileStream? _lock;

    private string Directory => storage.Value.DataDirectory;

    /// <exception cref="InvalidOperationException">Somebody has it alone.</exception>
    public void Share() => Hold(FileShare.Read, "The database is being restored from a backup. Start the broker when that is done.");

    /// <exception cref="InvalidOperationException">A broker uses it.</exception>
    public void TakeAlone() => Hold(FileShare.None, $"A broker runs on {Directory}. Stop it first.");

    public void Dispose() => _lock?.Dispose();

    private void Hold(FileShare share, string refused)
    {
        StorageSetup.CreatePrivateDirectory(Directory);
        var path = Path.Combine(Directory, FileName);
        if (!File.Exists(path))
        {
            var made = new FileStreamOptions { Mode = FileMode.OpenOrCreate, Access = FileAccess.ReadWrite, Share = FileShare.ReadWrite };
            if (!OperatingSystem.IsWindows())
            {
                made.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
            }

            new FileStream(path, made).Dispose();
        }

        try
        {
            _lock = new FileStream(path, new FileStreamOptions { Mode = FileMode.Open, Access = FileAccess.Read, Share = share });
        }
        catch (IOException exception)
        {
            throw new InvalidOperationException(refused, exception);
        }
    }
}
