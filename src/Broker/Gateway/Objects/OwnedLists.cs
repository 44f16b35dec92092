using System.Buffers;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;

namespace TokenBroker.Gateway;

/// <summary>
/// Lists of objects, with what the caller may see alone. The provider is read page by page, with the same key, until the
/// page that was asked for is full or the list is over, so that a client that stops at a short page misses nothing of
/// its own. The pages are bounded in number and size; a list in which so many pages hold nothing of the caller's is
/// refused, since an empty answer would be untrue.
/// </summary>
internal sealed class OwnedLists(ObjectCheck check)
{
    private const int MostPages = 20;
    private const int LargestPage = 8 * 1024 * 1024;
    private const int ProviderLimit = 100;

    public async Task<HttpResponseMessage> FilterAsync(
        HttpMessageInvoker provider, Call call, string kind, HttpRequestMessage request, HttpResponseMessage first, CancellationToken cancellationToken)
    {
        using var page = await ReadAsync(first, cancellationToken);
        var kept = new List<JsonElement>();
        var pages = new List<JsonDocument>();
        try
        {
            var wanted = LimitOf(request.RequestUri!) ?? page.RootElement.GetProperty("data").GetArrayLength();
            var canGoOn = !request.RequestUri!.Query.Contains("before=", StringComparison.Ordinal);
            var current = page;
            var hasMore = await KeepAsync(call, kind, current, wanted, kept, cancellationToken);
            for (var count = 1; hasMore && kept.Count < wanted && canGoOn && LastIdOf(current) is { } last; count++)
            {
                if (count == MostPages)
                {
                    return kept.Count > 0 ? Answer(first, page, kept, hasMore: true) : TooLong();
                }

                using var next = NextOf(request, last);
                using var response = await provider.SendAsync(next, cancellationToken);
                if (!response.IsSuccessStatusCode)
                {
                    throw new HttpRequestException("The provider refused a later page of a list.");
                }

                current = await ReadAsync(response, cancellationToken);
                pages.Add(current);
                hasMore = await KeepAsync(call, kind, current, wanted, kept, cancellationToken);
            }

            return Answer(first, page, kept, hasMore);
        }
        finally
        {
            pages.ForEach(one => one.Dispose());
        }
    }

    /// <summary>Adds what of a page may be seen, up to what is wanted.</summary>
    /// <returns>Whether there is more to come.</returns>
    private async Task<bool> KeepAsync(
        Call call, string kind, JsonDocument page, int wanted, List<JsonElement> kept, CancellationToken cancellationToken)
    {
        var items = page.RootElement.GetProperty("data").EnumerateArray().Where(item => IdOf(item) is not null).ToList();
        var visible = await check.VisibleAsync(call.Caller, call.Upstream, kind, [.. items.Select(item => IdOf(item)!)], cancellationToken);
        foreach (var item in items.Where(item => visible.Contains(IdOf(item)!)))
        {
            if (kept.Count == wanted)
            {
                return true;
            }

            kept.Add(item);
        }

        return page.RootElement.TryGetProperty("has_more", out var more) && more.ValueKind == JsonValueKind.True;
    }

    private static HttpResponseMessage Answer(HttpResponseMessage first, JsonDocument page, List<JsonElement> kept, bool hasMore)
    {
        var written = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(written, new JsonWriterOptions { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            json.WriteStartObject();
            foreach (var member in page.RootElement.EnumerateObject())
            {
                switch (member.Name)
                {
                    case "data":
                        json.WriteStartArray("data");
                        kept.ForEach(item => item.WriteTo(json));
                        json.WriteEndArray();
                        break;
                    case "first_id":
                        json.WriteString("first_id", kept.Count == 0 ? null : IdOf(kept[0]));
                        break;
                    case "last_id":
                        json.WriteString("last_id", kept.Count == 0 ? null : IdOf(kept[^1]));
                        break;
                    case "has_more":
                        json.WriteBoolean("has_more", hasMore);
                        break;
                    case "object":
                        member.WriteTo(json);
                        break;
                    default:
                        // A total, say, would tell of what others have.
                        break;
                }
            }

            json.WriteEndObject();
        }

        var answer = new HttpResponseMessage(first.StatusCode) { Content = new ReadOnlyMemoryContent(written.WrittenMemory) };
        answer.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        foreach (var (name, values) in first.Headers.NonValidated)
        {
            answer.Headers.TryAddWithoutValidation(name, values);
        }

        return answer;
    }

    private static HttpResponseMessage TooLong() => new(HttpStatusCode.ServiceUnavailable)
    {
        Content = new StringContent(
            """{"error":{"message":"The provider account holds so much of other apps that nothing of this app was found among it. Ask for the objects by their ids, or with 'after' one of its own.","type":"server_error","code":"list_too_long","param":null}}""",
            System.Text.Encoding.UTF8,
            "application/json"),
    };

    private static HttpRequestMessage NextOf(HttpRequestMessage request, string lastId)
    {
        var uri = request.RequestUri!;
        var kept = uri.Query.TrimStart('?').Split('&', StringSplitOptions.RemoveEmptyEntries)
            .Where(parameter => !parameter.StartsWith("after=", StringComparison.Ordinal) && !parameter.StartsWith("limit=", StringComparison.Ordinal))
            .Append("after=" + Uri.EscapeDataString(lastId))
            .Append(string.Create(CultureInfo.InvariantCulture, $"limit={ProviderLimit}"));
        var next = new HttpRequestMessage(HttpMethod.Get, $"{uri.GetLeftPart(UriPartial.Path)}?{string.Join('&', kept)}")
        {
            Version = request.Version,
            VersionPolicy = request.VersionPolicy,
        };
        foreach (var (name, values) in request.Headers.NonValidated)
        {
            next.Headers.TryAddWithoutValidation(name, values);
        }

        return next;
    }

    private static async Task<JsonDocument> ReadAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        await using var stream = await response.Content.ReadAsStreamAsync(cancellationToken);
        var written = new ArrayBufferWriter<byte>();
        int read;
        while ((read = await stream.ReadAsync(written.GetMemory(16 * 1024), cancellationToken)) > 0)
        {
            written.Advance(read);
            if (written.WrittenCount > LargestPage)
            {
                throw new HttpRequestException("The provider's page of a list is too large.");
            }
        }

        try
        {
            var page = JsonDocument.Parse(written.WrittenMemory);
            return page.RootElement.ValueKind == JsonValueKind.Object
                && page.RootElement.TryGetProperty("data", out var data)
                && data.ValueKind == JsonValueKind.Array
                    ? page
                    : throw new HttpRequestException("The provider's answer is not a list.");
        }
        catch (JsonException exception)
        {
            throw new HttpRequestException("The provider's answer is not a list.", exception);
        }
    }

    private static string? LastIdOf(JsonDocument page) =>
        page.RootElement.GetProperty("data") is var data && data.GetArrayLength() > 0 ? IdOf(data[data.GetArrayLength() - 1]) : null;

    private static string? IdOf(JsonElement item) =>
        item.ValueKind == JsonValueKind.Object && item.TryGetProperty("id", out var id) && id.ValueKind == JsonValueKind.String ? id.GetString() : null;

    private static int? LimitOf(Uri uri) => uri.Query.TrimStart('?').Split('&')
        .Where(parameter => parameter.StartsWith("limit=", StringComparison.Ordinal))
        .Select(parameter => int.TryParse(parameter.AsSpan(6), NumberStyles.None, CultureInfo.InvariantCulture, out var limit) ? Math.Max(1, limit) : (int?)null)
        .FirstOrDefault();
}
