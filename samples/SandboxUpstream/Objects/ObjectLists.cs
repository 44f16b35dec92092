using System.Globalization;
using System.Text.Json.Nodes;
using TokenBroker.Samples.SandboxUpstream.Provider;
using TokenBroker.Samples.SandboxUpstream.Wire;

namespace TokenBroker.Samples.SandboxUpstream.Objects;

/// <summary>A page of a list: at most <c>limit</c> from behind <c>after</c>, which must be in the list.</summary>
internal static class ObjectLists
{
    private const int DefaultLimit = 20;
    private const int MostLimit = 100;
    private static readonly string[] Known =
        ["limit", "after", "before", "order", "order_by", "purpose", "filter", "status", "model", "name", "run_id", "include[]", "stream", "starting_after"];

    public static Task AnswerAsync(Call call, List<JsonObject> all)
    {
        var query = call.Context.Request.Query;
        if (query.Keys.FirstOrDefault(name => !Known.Contains(name)) is { } unknown)
        {
            return call.RefuseAsync(ProviderErrors.UnknownParameter(unknown));
        }

        var limit = DefaultLimit;
        if (query.TryGetValue("limit", out var asked)
            && (!int.TryParse(asked, NumberStyles.None, CultureInfo.InvariantCulture, out limit) || limit is < 1 or > MostLimit))
        {
            return call.RefuseAsync(ProviderErrors.Invalid("limit", $"'limit' must be from 1 to {MostLimit}."));
        }

        if (query.TryGetValue("purpose", out var purpose))
        {
            all.RemoveAll(one => one["purpose"]?.ToString() != purpose);
        }

        if (query.TryGetValue("after", out var after))
        {
            var at = all.FindIndex(one => one["id"]!.ToString() == after);
            if (at < 0)
            {
                return call.RefuseAsync(ObjectsApi.NotFound(after.ToString()));
            }

            all.RemoveRange(0, at + 1);
        }

        var page = all.Take(limit).ToList();
        return call.AnswerAsync(new JsonObject
        {
            ["object"] = "list",
            ["data"] = new JsonArray([.. page]),
            ["first_id"] = page.FirstOrDefault()?["id"]?.ToString(),
            ["last_id"] = page.LastOrDefault()?["id"]?.ToString(),
            ["has_more"] = all.Count > limit,
        });
    }
}
