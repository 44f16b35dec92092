using System.Security.Cryptography;
using Net.Pkcs11Interop.Common;

namespace TokenBroker.Custody.Vaults.Pkcs11;

/// <summary>What the return codes of PKCS#11 (version 2.40, section 5.1) mean to Custody. What is not known counts as a refusal.</summary>
internal static class Pkcs11Failures
{
    /// <summary>The session is void, or an object's handle is; another session may do.</summary>
    public static bool IsOfSession(CKR code) => code is
        CKR.CKR_SESSION_HANDLE_INVALID or CKR.CKR_SESSION_CLOSED or CKR.CKR_USER_NOT_LOGGED_IN
        or CKR.CKR_KEY_HANDLE_INVALID or CKR.CKR_OBJECT_HANDLE_INVALID or CKR.CKR_OPERATION_ACTIVE;

    /// <summary>The token or the way to it is gone; to initialise the library anew may find it.</summary>
    public static bool IsOfToken(CKR code) => code is
        CKR.CKR_DEVICE_ERROR or CKR.CKR_DEVICE_REMOVED or CKR.CKR_TOKEN_NOT_PRESENT or CKR.CKR_TOKEN_NOT_RECOGNIZED
        or CKR.CKR_SLOT_ID_INVALID or CKR.CKR_GENERAL_ERROR or CKR.CKR_FUNCTION_FAILED or CKR.CKR_CRYPTOKI_NOT_INITIALIZED;

    public static Exception Translate(Pkcs11Exception exception)
    {
        var said = $"{exception.Method} said {exception.RV}.";
        return exception.RV switch
        {
            var code when IsOfSession(code) || IsOfToken(code) => new VaultUnavailableException($"The PKCS#11 token does not answer: {said}", null, exception),
            CKR.CKR_SESSION_COUNT or CKR.CKR_HOST_MEMORY or CKR.CKR_DEVICE_MEMORY or CKR.CKR_FUNCTION_CANCELED or CKR.CKR_CANT_LOCK =>
                new VaultUnavailableException($"The PKCS#11 token is short of something: {said}", null, exception),
            CKR.CKR_ENCRYPTED_DATA_INVALID or CKR.CKR_ENCRYPTED_DATA_LEN_RANGE or CKR.CKR_WRAPPED_KEY_INVALID or CKR.CKR_WRAPPED_KEY_LEN_RANGE
                or CKR.CKR_SIGNATURE_INVALID =>
                new CryptographicException($"The wrapped key is not one of this KEK's: {said}", exception),
            CKR.CKR_PIN_INCORRECT or CKR.CKR_PIN_INVALID or CKR.CKR_PIN_LEN_RANGE =>
                new VaultRefusedException($"The PKCS#11 token refused the PIN: {said} It is not tried again until it changes, since tokens lock themselves. Mend Vault:Pkcs11:PinFile.", exception),
            CKR.CKR_PIN_LOCKED or CKR.CKR_PIN_EXPIRED or CKR.CKR_USER_PIN_NOT_INITIALIZED =>
                new VaultRefusedException($"The PKCS#11 token's PIN cannot be used: {said} Its security officer must set it anew.", exception),
            CKR.CKR_KEY_FUNCTION_NOT_PERMITTED =>
                new VaultRefusedException($"The PKCS#11 key may not be used for this: {said} Allow it to encrypt and decrypt.", exception),
            CKR.CKR_MECHANISM_INVALID or CKR.CKR_MECHANISM_PARAM_INVALID =>
                new VaultRefusedException($"The PKCS#11 token does not do AES-GCM (CKM_AES_GCM) with a nonce that it is given: {said} Use another token.", exception),
            _ => new VaultRefusedException($"The PKCS#11 token refused: {said}", exception),
        };
    }
}
