using System.Collections.Concurrent;
using System.Text.Json.Nodes;

namespace TokenBroker.Samples.SandboxUpstream.Objects;

/// <summary>What the provider keeps, for each account apart: one key is one account. Oldest first in each place.</summary>
public sealed class Shelves
{
    private readonly ConcurrentDictionary<string, Shelf> byAccount = new(StringComparer.Ordinal);

    /// <summary>How many objects an account keeps, in all places.</summary>
    public int CountOf(string key) => Of(key).Count;

    internal Shelf Of(string? key) => byAccount.GetOrAdd(key ?? "", _ => new Shelf());
}

/// <summary>What one account keeps. A place is a path such as <c>files</c> or <c>threads/thread_1/messages</c>.</summary>
internal sealed class Shelf
{
    private readonly Lock gate = new();
    private readonly Dictionary<string, List<(string Id, JsonObject Object, byte[]? Content)>> places = new(StringComparer.Ordinal);

    public int Count
    {
        get
        {
            lock (gate)
            {
                return places.Values.Sum(place => place.Count);
            }
        }
    }

    public void Put(string place, JsonObject made, byte[]? content = null)
    {
        lock (gate)
        {
            var list = places.TryGetValue(place, out var known) ? known : places[place] = [];
            var id = made["id"]!.ToString();
            list.RemoveAll(one => one.Id == id);
            list.Add((id, (JsonObject)made.DeepClone(), content));
        }
    }

    public JsonObject? Find(string place, string id)
    {
        lock (gate)
        {
            return places.TryGetValue(place, out var list) ? (JsonObject?)list.Find(one => one.Id == id).Object?.DeepClone() : null;
        }
    }

    public byte[]? ContentOf(string place, string id)
    {
        lock (gate)
        {
            return places.TryGetValue(place, out var list) ? list.Find(one => one.Id == id).Content : null;
        }
    }

    public bool Remove(string place, string id)
    {
        lock (gate)
        {
            return places.TryGetValue(place, out var list) && list.RemoveAll(one => one.Id == id) > 0;
        }
    }

    /// <summary>Everything in a place, newest first unless asked otherwise.</summary>
    public List<JsonObject> All(string place, bool newestFirst)
    {
        lock (gate)
        {
            var all = places.TryGetValue(place, out var list) ? list.Select(one => (JsonObject)one.Object.DeepClone()).ToList() : [];
            if (newestFirst)
            {
                all.Reverse();
            }

            return all;
        }
    }
}
