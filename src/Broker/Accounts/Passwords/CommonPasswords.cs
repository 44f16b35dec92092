using System.Collections.Frozen;

namespace TokenBroker.Accounts.Passwords;

/// <summary>
/// The roots of common passwords that reach twelve characters, alone or with digits and signs behind them. Short by
/// design: the length rule already shuts out nearly every list of common passwords.
/// </summary>
internal static class CommonPasswords
{
    private static readonly FrozenSet<string> Roots = new[]
    {
        "password", "passwort", "passw0rd", "p@ssw0rd", "p@ssword", "passwordpassword", "mypassword", "password123password",
        "letmein", "letmeinplease", "letmeinnow", "welcome", "welcomehome", "welcomeback", "changeme", "changemeplease",
        "administrator", "admin", "adminadmin", "administrador", "superman", "spiderman", "batman", "iloveyou",
        "iloveyouforever", "iloveyousomuch", "ilovemyfamily", "ilovemymom", "trustno1", "trustnoone", "starwars",
        "sunshine", "princess", "football", "baseball", "basketball", "dragon", "monkey", "master", "shadow", "michael",
        "jennifer", "jordan", "liverpool", "manchesterunited", "manchester", "chelsea", "arsenal", "barcelona",
        "realmadrid", "juventus", "pokemon", "minecraft", "computer", "internet", "whatever", "whatsapp", "facebook",
        "instagram", "linkedin", "google", "youtube", "microsoft", "samsung", "qwerty", "qwertyuiop", "qwertyuiopasdf",
        "qwertyqwerty", "qwertyasdfgh", "qwertyuiopasdfghjkl", "asdfghjkl", "asdfghjklzxcvbnm", "asdfasdfasdf",
        "zxcvbnm", "zxcvbnmasdfghjkl", "1q2w3e4r5t6y", "1q2w3e4r5t6y7u8i", "1q2w3e4r", "1qaz2wsx", "1qaz2wsx3edc",
        "1qaz2wsx3edc4rfv", "zaq12wsx", "zaq12wsxcde3", "qazwsx", "qazwsxedc", "qazwsxedcrfv", "q1w2e3r4t5y6",
        "abcdefg", "abcdefgh", "abcdefghijkl", "abcdefghijklm", "abcdefghijklmnopqrstuvwxyz", "abc123abc123",
        "a1b2c3d4e5f6", "123456789012", "1234567890123", "123456789abc", "1234567890qwertyuiop", "123qweasdzxc",
        "123123123123", "121212121212", "987654321098", "0987654321", "111222333444", "112233445566", "147258369",
        "correcthorsebatterystaple", "correct horse battery staple", "correcthorse", "opensesame", "thisismypassword",
        "thisisapassword", "notmypassword", "nopassword", "secret", "secretsecret", "topsecret", "supersecret",
        "secretpassword", "mysecretpassword", "defaultpassword", "temppassword", "temporary", "testtesttest",
        "testpassword", "testing", "security", "tokenbroker", "tokenbrokertoken", "openai", "chatgpt", "letmein123456",
        "jesuschrist", "jesuslovesme", "jesusislord", "godisgood", "godisgreat", "blessed", "ihateyou", "fuckyou",
        "fuckyoubitch", "motherfucker", "hello", "hellohello", "helloworld", "helloworldhello", "happybirthday",
        "spring", "summer", "autumn", "winter", "january", "february", "september", "october", "november", "december",
        "monday", "friday", "saturday", "christmas", "halloween", "chocolate", "butterfly", "elizabeth", "alexander",
        "christopher", "charlie", "jessica", "samantha", "victoria", "anthony", "benjamin", "catherine", "california",
        "newyorkcity", "lasvegas", "australia", "deutschland", "blink182", "metallica", "nirvana", "matrix",
    }.ToFrozenSet(StringComparer.OrdinalIgnoreCase);

    public static bool Contains(string password) => Roots.Contains(password);
}
