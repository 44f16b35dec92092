using System.Buffers.Binary;
using System.Collections.Frozen;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using TokenBroker.Samples.SandboxUpstream.Provider;
using TokenBroker.Samples.SandboxUpstream.Wire;

namespace TokenBroker.Samples.SandboxUpstream.Embeddings;

/// <summary><c>POST /v1/embeddings</c>: unit vectors drawn from a hash of the text, so that equal texts have equal vectors.</summary>
internal static class EmbeddingVectors
{
    private static readonly FrozenSet<string> Known = ["dimensions", "encoding_format", "input", "model", "user"];

    public static Task AnswerAsync(Call call)
    {
        var parameters = RequestBody.ReadJson(call, Known);
        var model = parameters.Model(Abilities.Embedding);
        var inputs = InputTexts.Read(parameters, "input");
        var encoding = parameters.OneOf("encoding_format", "float", "float", "base64");
        var longest = model?.Id == "text-embedding-3-large" ? 3072 : 1536;
        var dimensions = parameters.Integer("dimensions", 1, longest) ?? longest;
        if (parameters.Error is { } error)
        {
            return call.RefuseAsync(error);
        }

        var tokens = inputs.Sum(i => i.Tokens);
        return call.AnswerAsync(new JsonObject
        {
            ["object"] = "list",
            ["data"] = new JsonArray([.. inputs.Select((input, index) => new JsonObject
            {
                ["object"] = "embedding",
                ["index"] = index,
                ["embedding"] = Encode(Vector(model!.Id, input.Text, dimensions), encoding),
            })]),
            ["model"] = model!.Snapshot,
            ["usage"] = new JsonObject { ["prompt_tokens"] = tokens, ["total_tokens"] = tokens },
        });
    }

    private static JsonNode Encode(float[] vector, string encoding)
    {
        if (encoding == "float")
        {
            return new JsonArray([.. vector.Select(v => JsonValue.Create(v))]);
        }

        var bytes = new byte[vector.Length * sizeof(float)];
        for (var i = 0; i < vector.Length; i++)
        {
            BinaryPrimitives.WriteSingleLittleEndian(bytes.AsSpan(i * sizeof(float)), vector[i]);
        }

        return Convert.ToBase64String(bytes);
    }

    private static float[] Vector(string model, string text, int dimensions)
    {
        var seed = SHA256.HashData(Encoding.UTF8.GetBytes($"{model}\n{text}"));
        var state = MemoryMarshal.Read<ulong>(seed) | 1;
        var vector = new float[dimensions];
        for (var i = 0; i < dimensions; i++)
        {
            // xorshift64: small, and the same everywhere.
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            vector[i] = (int)(state >> 40) / (float)(1 << 23) - 1;
        }

        var length = MathF.Sqrt(vector.Sum(v => v * v));
        return [.. vector.Select(v => v / length)];
    }
}
