using Microsoft.AspNetCore.Identity;

namespace TokenBroker.Accounts.Passwords;

/// <summary>
/// What a password may not be (NIST SP 800-63B-4, 3.1.1.2): too short, the person's own address, a known common
/// one, or one of those with a tail. How it is composed is the person's business.
/// </summary>
internal sealed class PasswordRules : IPasswordValidator<User>
{
    public const int MinimumLength = 12;

    /// <summary>Longer ones only make the hash work; 64 is the least that must be allowed.</summary>
    public const int MaximumLength = 256;

    public Task<IdentityResult> ValidateAsync(UserManager<User> manager, User user, string? password)
    {
        ArgumentNullException.ThrowIfNull(user);
        return Task.FromResult(Problem(user.Email, password ?? "") is { } problem
            ? IdentityResult.Failed(new IdentityError { Code = "Password", Description = problem })
            : IdentityResult.Success);
    }

    private static string? Problem(string? email, string password)
    {
        if (password.Length < MinimumLength)
        {
            return $"Use at least {MinimumLength} characters. A few words that only you would put together work well.";
        }

        if (password.Length > MaximumLength)
        {
            return $"Use at most {MaximumLength} characters.";
        }

        // "Password2024!!" is "password" to whoever guesses.
        var core = Core(password);
        if (email is not null && (Same(password, email) || Same(core, Core(email.Split('@')[0]))))
        {
            return "Do not use your e-mail address as the password.";
        }

        return core.Length < 4 || CommonPasswords.Contains(core) || CommonPasswords.Contains(password) || Repeats(password)
            ? "That password is one of the first that a guesser tries. Use a few words that only you would put together."
            : null;
    }

    private static string Core(string text) => text.ToLowerInvariant().TrimEnd("0123456789!?.,-_#*$ ".ToCharArray());

    private static bool Same(string a, string b) => string.Equals(a, b, StringComparison.OrdinalIgnoreCase);

    /// <summary>One short piece over and over, such as <c>abcabcabcabc</c>.</summary>
    private static bool Repeats(string password)
    {
        for (var period = 1; period <= 4; period++)
        {
            var repeats = true;
            for (var i = period; i < password.Length && repeats; i++)
            {
                repeats = password[i] == password[i - period];
            }

            if (repeats)
            {
                return true;
            }
        }

        return false;
    }
}
