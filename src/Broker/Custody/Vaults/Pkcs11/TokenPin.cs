using System.Security.Cryptography;
using System.Text;
using Net.Pkcs11Interop.Common;
using Net.Pkcs11Interop.HighLevelAPI;
using ISession = Net.Pkcs11Interop.HighLevelAPI.ISession;

namespace TokenBroker.Custody.Vaults.Pkcs11;

/// <summary>
/// The user's PIN. One that the token refused is never sent again until the file or its time changes, and none is sent on
/// the last try before the token locks itself: a wrong setting and a supervisor that restarts the broker must not lock it.
/// </summary>
internal sealed class TokenPin(Pkcs11Options options)
{
    private readonly Lock _gate = new();
    private byte[]? _refused;

    /// <summary>Logs the session's application in, if it is not.</summary>
    public void Login(ISession session, ITokenInfo token)
    {
        lock (_gate)
        {
            if (session.GetSessionInfo().State == CKS.CKS_RW_USER_FUNCTIONS)
            {
                return;
            }

            RequireTries(token.TokenFlags.Flags);
            var (pin, mark) = Read();
            try
            {
                if (_refused is not null && CryptographicOperations.FixedTimeEquals(_refused, mark))
                {
                    throw new VaultRefusedException("The PKCS#11 token refused this PIN before. It is not tried again until it changes, since tokens lock themselves. Mend Vault:Pkcs11:PinFile.");
                }

                session.Login(CKU.CKU_USER, pin);
                _refused = null;
            }
            catch (Pkcs11Exception exception) when (exception.RV is CKR.CKR_USER_ALREADY_LOGGED_IN)
            {
                // Another vault on the same token was faster.
            }
            catch (Pkcs11Exception exception) when (exception.RV is CKR.CKR_PIN_INCORRECT or CKR.CKR_PIN_INVALID or CKR.CKR_PIN_LEN_RANGE or CKR.CKR_PIN_LOCKED)
            {
                _refused = mark;
                throw;
            }
            finally
            {
                CryptographicOperations.ZeroMemory(pin);
            }
        }
    }

    /// <param name="flags">CK_TOKEN_INFO's flags.</param>
    internal static void RequireTries(ulong flags)
    {
        if ((flags & CKF.CKF_USER_PIN_LOCKED) != 0)
        {
            throw new VaultRefusedException("The PKCS#11 token's PIN is locked. Its security officer must set it anew.");
        }

        if ((flags & CKF.CKF_USER_PIN_FINAL_TRY) != 0)
        {
            throw new VaultRefusedException("The PKCS#11 token would lock itself at the next wrong PIN, so the broker sends none. Check Vault:Pkcs11:PinFile, log in once with the vendor's own tool, and start again.");
        }
    }

    private (byte[] Pin, byte[] Mark) Read()
    {
        var text = options.Pin;
        var writtenAt = 0L;
        if (options.PinFile is { } file)
        {
            try
            {
                RequirePrivate(file);
                writtenAt = File.GetLastWriteTimeUtc(file).Ticks;
                text = File.ReadLines(file).FirstOrDefault();
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
            {
                throw new VaultRefusedException($"Vault:Pkcs11:PinFile cannot be read: {exception.Message}", exception);
            }
        }

        if (string.IsNullOrEmpty(text))
        {
            throw new VaultRefusedException("Vault:Pkcs11:PinFile is empty. Its first line must be the PIN.");
        }

        var pin = Encoding.UTF8.GetBytes(text);
        return (pin, SHA256.HashData([.. pin, .. BitConverter.GetBytes(writtenAt)]));
    }

    private static void RequirePrivate(string file)
    {
        const UnixFileMode Others = UnixFileMode.GroupWrite | UnixFileMode.OtherRead | UnixFileMode.OtherWrite;
        if (!OperatingSystem.IsWindows() && (File.GetUnixFileMode(file) & Others) is not UnixFileMode.None and var others)
        {
            throw new VaultRefusedException($"The PIN file {file} is open to others ({others}). Run: chmod 600 '{file}'.");
        }
    }
}
