using System.Globalization;
using System.Text;

namespace TokenBroker.Bench.Parties;

/// <summary>The bytes of requests, made before they are sent.</summary>
internal static class Requests
{
    private const int BodySize = 1024;

    /// <summary>1 KB of JSON, as an OpenAI client would send it.</summary>
    public static readonly string CallBody = Body("", "");

    /// <summary>Asks for a short stream.</summary>
    public static readonly string StreamBody = Body(",\"stream\":true", "");

    /// <summary>Asks for a stream that goes on until somebody ends it.</summary>
    public static readonly string HoldBody = Body(",\"stream\":true", "[[hold]] ");

    public static byte[] Chat(int port, string pathPrefix, string bearer, string body) =>
        Post(port, pathPrefix + "/v1/chat/completions", "Authorization: Bearer " + bearer, "application/json", body);

    public static byte[] Form(int port, string path, string authorization, IEnumerable<KeyValuePair<string, string>> fields) => Post(
        port,
        path,
        "Authorization: " + authorization,
        "application/x-www-form-urlencoded",
        string.Join('&', fields.Select(field => $"{Uri.EscapeDataString(field.Key)}={Uri.EscapeDataString(field.Value)}")));

    private static byte[] Post(int port, string path, string header, string type, string body) => Encoding.ASCII.GetBytes(string.Create(
        CultureInfo.InvariantCulture,
        $"POST {path} HTTP/1.1\r\nHost: localhost:{port}\r\n{header}\r\nAccept: application/json\r\nContent-Type: {type}\r\nContent-Length: {body.Length}\r\n\r\n{body}"));

    private static string Body(string members, string mark)
    {
        var before = $$"""{"model":"gpt-4o-mini"{{members}},"max_tokens":256,"temperature":0.7,"messages":[{"role":"system","content":"You are a helpful assistant."},{"role":"user","content":"{{mark}}""";
        const string After = "\"}]}";
        var text = new StringBuilder(before);
        const string Filler = "Summarise the following paragraph for somebody who has a minute to read it. ";
        while (text.Length < BodySize - After.Length)
        {
            text.Append(Filler[text.Length % Filler.Length]);
        }

        return text.Append(After).ToString();
    }
}
