using System.Net;
using System.Security.Cryptography;
using Amazon.Runtime;

namespace TokenBroker.Custody.Vaults.Aws;

/// <summary>What the errors of AWS KMS mean to Custody (API reference, "Common Errors" and each operation's own). What is not known counts as a refusal.</summary>
internal static class AwsFailures
{
    /// <summary>Asks KMS, and translates what it throws.</summary>
    public static async Task<T> AskAsync<T>(Func<Task<T>> ask)
    {
        try
        {
            return await ask();
        }
        catch (AmazonServiceException exception)
        {
            throw Translate(exception);
        }
        catch (Exception exception) when (exception is AmazonClientException or HttpRequestException or IOException)
        {
            // No answer, or no credentials to ask with; the metadata service that gives them may be away too.
            throw new VaultUnavailableException($"AWS KMS could not be asked: {exception.Message}", null, exception);
        }
    }

    private static Exception Translate(AmazonServiceException exception)
    {
        var said = $"{exception.ErrorCode}: {exception.Message}";
        return exception.ErrorCode switch
        {
            "NotFoundException" => new KeyNotFoundException($"AWS KMS has no such key: {exception.Message}", exception),
            "InvalidCiphertextException" or "IncorrectKeyException" =>
                new CryptographicException("The wrapped key is not one of this KMS key's, or belongs to another record.", exception),
            "ThrottlingException" or "Throttling" or "TooManyRequestsException" or "RequestLimitExceeded" or "SlowDown"
                or "KMSInternalException" or "DependencyTimeoutException" or "KeyUnavailableException" or "ServiceUnavailable" or "ServiceUnavailableException"
                or "InternalFailure" or "RequestTimeout" or "RequestTimeoutException" =>
                new VaultUnavailableException($"AWS KMS cannot answer now. {said}", null, exception),
            "AccessDeniedException" or "AccessDenied" =>
                new VaultRefusedException($"AWS KMS denies access. {said} Allow the broker's role kms:DescribeKey, kms:Encrypt and kms:Decrypt on the key.", exception),
            "DisabledException" => new VaultRefusedException($"The AWS KMS key is disabled. {said}", exception),
            "KMSInvalidStateException" => new VaultRefusedException($"The AWS KMS key is in a state in which it cannot be used, such as pending deletion. {said}", exception),
            "ExpiredTokenException" or "ExpiredToken" or "UnrecognizedClientException" or "InvalidClientTokenId" or "InvalidSignatureException"
                or "SignatureDoesNotMatch" or "IncompleteSignature" or "IncompleteSignatureException" or "MissingAuthenticationToken" or "MissingAuthenticationTokenException" =>
                new VaultRefusedException($"AWS KMS does not accept the broker's credentials. {said} Check them, and this machine's clock.", exception),
            _ when exception.InnerException is HttpRequestException or OperationCanceledException or IOException
                || exception.StatusCode is default(HttpStatusCode) or HttpStatusCode.TooManyRequests or >= HttpStatusCode.InternalServerError =>
                new VaultUnavailableException($"AWS KMS cannot answer now. {said}", null, exception),
            _ => new VaultRefusedException($"AWS KMS refused. {said}", exception),
        };
    }
}
