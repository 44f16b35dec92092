using System.Buffers;
using System.Text.Json;
using TokenBroker.Upstreams;

namespace TokenBroker.Gateway;

/// <summary>
/// Reads a JSON body in one pass. It finds the model and whatever bounds the cost, refuses what would
/// cost more than the body shows, and notes the edits that the gateway makes: usage asked for on streams, <c>store</c>
/// off unless it is asked for. The objects that the body names are read by <see cref="ReferenceReader"/>. A member that decides something may appear once only.
/// </summary>
internal ref struct JsonRequest
{
    private const int LongestModelName = 200;
    private const int MostAnswers = 128;

    /// <summary>Longer than any name that decides, were each of its letters written as an escape.</summary>
    private const int LongestDecisive = 256;
    private static readonly SearchValues<char> s_otherCase = SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZ\u017F\u212A");
    private readonly OperationKind _kind;
    private readonly CallRequest _request;
    private Utf8JsonReader _reader;
    private ulong _seen;
    private int _streamOptionsAt = -1;
    private bool _streamOptionsIsNull;
    private bool _streamOptionsIsEmpty;
    private (int Offset, int Length)? _includeUsageAt;
    private bool _includeUsage;
    private bool _storeSeen;

    private JsonRequest(ReadOnlySpan<byte> body, OperationKind kind)
    {
        _kind = kind;
        _request = new CallRequest { Bytes = body.Length };
        _reader = new Utf8JsonReader(body, new JsonReaderOptions { MaxDepth = 128 });
    }

    public static (CallRequest? Request, GatewayError? Refusal) Read(ReadOnlySpan<byte> body, OperationKind kind)
    {
        try
        {
            var json = new JsonRequest(body, kind);
            var refusal = json.Read();
            return refusal is null ? (json._request, null) : (null, refusal);
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException or FormatException)
        {
            return (null, GatewayError.InvalidRequest("The body is not JSON of the shape that this operation takes."));
        }
    }

    private GatewayError? Read()
    {
        if (!_reader.Read() || _reader.TokenType != JsonTokenType.StartObject)
        {
            return GatewayError.InvalidRequest("The body must be a JSON object.");
        }

        _request.AfterBrace = (int)_reader.BytesConsumed;
        Span<char> letters = stackalloc char[LongestDecisive];
        while (_reader.Read() && _reader.TokenType == JsonTokenType.PropertyName)
        {
            ReadOnlySpan<char> name = _reader.ValueSpan.Length <= LongestDecisive ? letters[.._reader.CopyString(letters)] : default;
            _reader.Read();
            var place = PlaceOf(name);
            if (place >= 0 && (_seen & (1UL << place)) != 0)
            {
                return GatewayError.InvalidRequest($"'{name}' appears more than once.", name.ToString());
            }

            if (place < 0 && IsInOtherCase(name))
            {
                return GatewayError.InvalidRequest($"'{name}' must be written in lower case.", name.ToString());
            }

            _seen |= place < 0 ? 0 : 1UL << place;

            if (ReadMember(name) is { } refusal)
            {
                return refusal;
            }
        }

        // A member that was not read to its end would leave the rest unread, and unjudged. Nothing may follow the object.
        return _reader.TokenType == JsonTokenType.EndObject && _reader.CurrentDepth == 0 && !_reader.Read()
            ? Finish()
            : GatewayError.InvalidRequest("The body is not JSON of the shape that this operation takes.");
    }

    /// <summary>A number for each name that decides something, and so may appear once only.</summary>
    private static int PlaceOf(scoped ReadOnlySpan<char> name) => name switch
    {
        "model" => 0,
        "stream" => 1,
        "stream_options" => 2,
        "store" => 3,
        "n" => 4,
        "best_of" => 5,
        "max_tokens" => 6,
        "max_completion_tokens" => 7,
        "max_output_tokens" => 8,
        "background" => 9,
        "previous_response_id" => 10,
        "conversation" => 11,
        "tools" => 12,
        "service_tier" => 13,
        "web_search_options" => 14,
        "messages" => 15,
        "input" => 16,
        "prompt" => 17,
        "functions" => 18,
        "partial_images" => 19,
        "system" => 20,
        "metadata" => 21,
        "mcp_servers" => 22,
        "container" => 23,
        "prediction" => 24,
        "images" => 25,
        "image" => 26,
        "mask" => 27,
        "items" => 28,
        _ => -1,
    };

    /// <summary>Some parsers take a name in another case for the name: those of Go, which fold two more letters, and of .NET's servers.</summary>
    private static bool IsInOtherCase(scoped ReadOnlySpan<char> name)
    {
        if (!name.ContainsAny(s_otherCase))
        {
            return false;
        }

        Span<char> folded = stackalloc char[name.Length];
        for (var i = 0; i < name.Length; i++)
        {
            folded[i] = name[i] switch { '\u017F' => 's', '\u212A' => 'k', var letter => char.ToLowerInvariant(letter) };
        }

        return PlaceOf(folded) >= 0;
    }

    private GatewayError? ReadMember(scoped ReadOnlySpan<char> name)
    {
        switch (name)
        {
            case "model" when _reader.TokenType == JsonTokenType.Null && _kind is OperationKind.Free or OperationKind.Unpriced:
                return null;
            case "model":
                _request.Model = _reader.GetString();
                return _request.Model is { Length: > 0 and <= LongestModelName } ? null : GatewayError.ModelNotAllowed(null);
            case "stream":
                _request.Stream = _reader.TokenType != JsonTokenType.Null && _reader.GetBoolean();
                return null;
            case "n" or "best_of":
                _request.Answers = Math.Max(_request.Answers, NumberOr(1));
                return _request.Answers <= MostAnswers ? null : GatewayError.InvalidRequest($"'{name}' is larger than {MostAnswers}.", name.ToString());
            case "max_tokens" when _kind is OperationKind.Chat or OperationKind.Completion or OperationKind.Message:
            case "max_completion_tokens" when _kind == OperationKind.Chat:
            case "max_output_tokens" when _kind == OperationKind.Response:
                return ReadMaxOutput();
            case "stream_options":
                return ReadStreamOptions();
            case "messages" or "input" when _kind is OperationKind.Chat or OperationKind.Response:
            case "messages" or "system" when _kind == OperationKind.Message:
            case "items" or "input" when _kind is OperationKind.Free or OperationKind.Unpriced:
                return RequestContent.Read(ref _reader, _kind, _request);
            case "prompt" when _kind == OperationKind.Completion:
                return ReadPrompts();
            case "images" or "image" or "mask" when _kind == OperationKind.Image:
                return ReadPictures();
            case "prediction" when _kind == OperationKind.Chat:
                return ReadPrediction();
            case "tools" when _kind is not (OperationKind.Free or OperationKind.Unpriced or OperationKind.Batch):
                return RequestContent.ReadTools(ref _reader, _kind);
            case "user" or "safety_identifier":
            case "metadata" when _kind == OperationKind.Message:
                return ReadPerson(name);
            default:
                return ReadState(name);
        }
    }

    private long NumberOr(long otherwise) => _reader.TokenType == JsonTokenType.Null ? otherwise : Math.Max(0, _reader.GetInt64());

    private GatewayError? ReadMaxOutput()
    {
        if (_reader.TokenType == JsonTokenType.Null)
        {
            _request.MaxOutputAt.Add(((int)_reader.TokenStartIndex, 4));
            return null;
        }

        // To some hosts what is below zero means as much as there is, and so does zero, but for who only has a text read back.
        var limit = _reader.GetInt64();
        var isLimit = limit > 0 || (limit == 0 && _kind == OperationKind.Completion);
        _request.MaxOutputAt.Add(((int)_reader.TokenStartIndex, _reader.ValueSpan.Length));
        _request.MaxOutput = Math.Max(_request.MaxOutput ?? 0, isLimit ? limit : long.MaxValue);
        return null;
    }

    /// <summary>One, or a list of them; their bytes are mostly somewhere else.</summary>
    private GatewayError? ReadPictures()
    {
        if (_reader.TokenType != JsonTokenType.StartArray)
        {
            _request.Images += _reader.TokenType == JsonTokenType.Null ? 0 : 1;
            _reader.Skip();
            return null;
        }

        while (_reader.Read() && _reader.TokenType != JsonTokenType.EndArray)
        {
            _request.Images++;
            _reader.Skip();
        }

        return null;
    }

    /// <summary>What was predicted and does not come is charged as output, beside all that does come, whatever limit that has.</summary>
    private GatewayError? ReadPrediction()
    {
        var start = (int)_reader.TokenStartIndex;
        var isNone = _reader.TokenType == JsonTokenType.Null;
        _reader.Skip();
        _request.PredictedBytes = isNone ? 0 : (int)_reader.BytesConsumed - start;
        return null;
    }

    /// <summary>What would keep or reach state at the provider, or change the price, is not forwarded.</summary>
    private GatewayError? ReadState(scoped ReadOnlySpan<char> name)
    {
        switch (name)
        {
            case "store" when _kind is OperationKind.Chat or OperationKind.Response:
                _storeSeen = true;
                _request.Stores = _reader.TokenType == JsonTokenType.True;
                if (!_request.Stores)
                {
                    _request.Edits.Add(new BodyEdit((int)_reader.TokenStartIndex, _reader.ValueSpan.Length, "false"));
                }

                return _reader.TokenType is JsonTokenType.True or JsonTokenType.False or JsonTokenType.Null ? null : GatewayError.InvalidRequest("'store' must be true or false.", name.ToString());
            case "background" when _kind == OperationKind.Response:
                _request.IsBackground = _reader.TokenType != JsonTokenType.Null && _reader.GetBoolean();
                return null;
            case "previous_response_id" or "conversation" or "prompt" when _kind == OperationKind.Response && _reader.TokenType != JsonTokenType.Null:
                // What is stored comes in as well, and its length is not known here. Whose it is, is checked by the references.
                _request.HasFile = true;
                _reader.Skip();
                return null;
            case "web_search_options" when _reader.TokenType != JsonTokenType.Null:
                return GatewayError.NotAllowed(name.ToString(), "Web search has costs that this broker cannot bound.");
            case "mcp_servers" or "container" when _kind == OperationKind.Message && _reader.TokenType != JsonTokenType.Null:
                return GatewayError.NotPriced(name.ToString(), $"'{name}' runs at the provider at a cost that this broker cannot bound yet.");
            case "inference_geo" or "speed" when _kind == OperationKind.Message && _reader.TokenType != JsonTokenType.Null:
                return GatewayError.NotPriced(name.ToString(), $"'{name}' changes the price by a factor that the price list does not have.");
            case "service_tier" when _kind == OperationKind.Message:
                return _reader.GetString() is "auto" or "standard_only" ? null : GatewayError.InvalidRequest("'service_tier' must be auto or standard_only.", name.ToString());
            case "service_tier" when _kind is OperationKind.Chat or OperationKind.Response && _reader.TokenType != JsonTokenType.Null:
                // Whether it has a known price is asked once the model is known.
                _request.Tier = _reader.ValueTextEquals("auto"u8) ? null : _reader.GetString();
                return null;
            case "service_tier" when _reader.TokenType != JsonTokenType.Null && _reader.GetString() is not ("auto" or "default" or "flex"):
                return GatewayError.NotAllowed(name.ToString(), "Only the service tiers auto, default and flex have known prices here.");
            default:
                _reader.Skip();
                return null;
        }
    }

    private GatewayError? ReadStreamOptions()
    {
        _streamOptionsAt = (int)_reader.TokenStartIndex;
        _streamOptionsIsNull = _reader.TokenType == JsonTokenType.Null;
        if (_streamOptionsIsNull)
        {
            return null;
        }

        if (_reader.TokenType != JsonTokenType.StartObject)
        {
            return GatewayError.InvalidRequest("'stream_options' must be an object.", "stream_options");
        }

        _streamOptionsIsEmpty = true;
        while (_reader.Read() && _reader.TokenType == JsonTokenType.PropertyName)
        {
            _streamOptionsIsEmpty = false;
            var isIncludeUsage = _reader.ValueTextEquals("include_usage"u8);
            _reader.Read();
            if (!isIncludeUsage)
            {
                _reader.Skip();
                continue;
            }

            if (_includeUsageAt is not null)
            {
                return GatewayError.InvalidRequest("'include_usage' appears more than once.", "stream_options");
            }

            _includeUsage = _reader.TokenType != JsonTokenType.Null && _reader.GetBoolean();
            _includeUsageAt = ((int)_reader.TokenStartIndex, _reader.ValueSpan.Length);
        }

        return null;
    }

    /// <summary>Each prompt of a list has answers of its own; a list of numbers is one prompt of tokens.</summary>
    private GatewayError? ReadPrompts()
    {
        if (_reader.TokenType != JsonTokenType.StartArray)
        {
            return _reader.TokenType is JsonTokenType.String or JsonTokenType.Null
                ? null
                : GatewayError.InvalidRequest("'prompt' must be a text or a list.", "prompt");
        }

        var prompts = 0;
        while (_reader.Read() && _reader.TokenType != JsonTokenType.EndArray)
        {
            prompts += _reader.TokenType == JsonTokenType.Number ? 0 : 1;
            _reader.Skip();
        }

        _request.Prompts = Math.Max(1, prompts);
        return null;
    }

    private GatewayError? ReadPerson(scoped ReadOnlySpan<char> name)
    {
        var start = (int)_reader.TokenStartIndex;
        _reader.Skip();
        _request.PersonAt.Add((start, (int)_reader.BytesConsumed - start));
        _request.HasSafetyIdentifier |= name is "safety_identifier" or "metadata";
        return null;
    }

    private GatewayError? Finish()
    {
        if (_kind == OperationKind.Response && !_storeSeen)
        {
            _request.Edits.Add(new BodyEdit(_request.AfterBrace, 0, "\"store\":false,"));
        }

        if (_request.Stream && !_includeUsage && (_kind is OperationKind.Chat or OperationKind.Completion))
        {
            AskForUsage();
        }

        return null;
    }

    private void AskForUsage()
    {
        _request.HideUsage = true;
        if (_includeUsageAt is { } at)
        {
            _request.Edits.Add(new BodyEdit(at.Offset, at.Length, "true"));
        }
        else if (_streamOptionsAt < 0)
        {
            _request.Edits.Add(new BodyEdit(_request.AfterBrace, 0, "\"stream_options\":{\"include_usage\":true},"));
        }
        else if (_streamOptionsIsNull)
        {
            _request.Edits.Add(new BodyEdit(_streamOptionsAt, "null".Length, "{\"include_usage\":true}"));
        }
        else
        {
            // An object without the member: the member goes in first; a comma is needed unless the object was empty.
            _request.Edits.Add(new BodyEdit(_streamOptionsAt + 1, 0, _streamOptionsIsEmpty ? "\"include_usage\":true" : "\"include_usage\":true,"));
        }
    }
}
