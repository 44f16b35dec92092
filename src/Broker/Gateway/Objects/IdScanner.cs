using System.Text;
using TokenBroker.Upstreams;

namespace TokenBroker.Gateway;

/// <summary>
/// Finds the ids that an answer tells, as its bytes go by and in constant memory: text under the members that the
/// catalogue names, at the top, one level down, or in the objects of a list at the top; alone or in a list of its own. It
/// follows strings and nesting byte by byte, in a JSON body or in the data of each event of a stream.
/// </summary>
internal sealed class IdScanner(IReadOnlyList<ToldObject> told, bool isEvents)
{
    private const int LongestKey = 40;
    private readonly byte[] _text = new byte[UpstreamObject.LongestId];
    private int _length;
    private int _depth;
    private ulong _objects;
    private bool _inString;
    private bool _escaped;
    private bool _isKey;
    private bool _expectKey;
    private string? _parent;
    private int _parentDepth;
    private string? _listParent;
    private string? _key;
    private int _listDepth;
    private string? _listKind;
    private string? _capturing;
    private int _lineStart;

    /// <summary>Ids that were found and not taken yet.</summary>
    public List<PathId> Found { get; } = [];

    /// <summary>True where an id was told in a form that no id has.</summary>
    public bool IsUnreadable { get; private set; }

    public void Feed(ReadOnlySpan<byte> bytes)
    {
        foreach (var b in bytes)
        {
            if (isEvents && !InData(b))
            {
                continue;
            }

            Step(b);
        }
    }

    /// <summary>Only what follows <c>data:</c> in a line is JSON, and a new line begins a new value.</summary>
    private bool InData(byte b)
    {
        if (b is (byte)'\n' or (byte)'\r')
        {
            _lineStart = 0;
            (_depth, _objects, _inString, _escaped, _isKey, _expectKey) = (0, 0, false, false, false, false);
            (_parent, _parentDepth, _listParent, _key, _listDepth, _capturing) = (null, 0, null, null, 0, null);
            return false;
        }

        var field = "data:"u8;
        if (_lineStart < 0 || _lineStart == field.Length)
        {
            return _lineStart == field.Length;
        }

        _lineStart = b == field[_lineStart] ? _lineStart + 1 : -1;
        return false;
    }

    private bool InObject => _depth is > 0 and <= 64 && (_objects & (1UL << (_depth - 1))) != 0;

    private void Step(byte b)
    {
        if (_inString)
        {
            StepInString(b);
            return;
        }

        switch (b)
        {
            case (byte)'"':
                Begin();
                break;
            case (byte)'{' or (byte)'[':
                Open(isObject: b == (byte)'{');
                break;
            case (byte)'}' or (byte)']':
                _listDepth = _depth == _listDepth ? 0 : _listDepth;
                _depth = Math.Max(0, _depth - 1);
                (_parent, _parentDepth) = _depth < _parentDepth ? (null, 0) : (_parent, _parentDepth);
                _listParent = _depth < 2 ? null : _listParent;
                _expectKey = false;
                _key = null;
                break;
            case (byte)',':
                _expectKey = InObject;
                _key = _expectKey ? null : _key;
                break;
            case (byte)':':
                _expectKey = false;
                break;
            default:
                break;
        }
    }

    private void Begin()
    {
        _inString = true;
        _length = 0;
        _isKey = _expectKey && (_depth == 1 || _depth == _parentDepth);
        if (!_expectKey)
        {
            _capturing = _listDepth > 0 && _depth == _listDepth ? _listKind : InObject ? KindOf(_key) : null;
        }
    }

    private void StepInString(byte b)
    {
        if (_escaped || b == (byte)'\\')
        {
            // No id is written with an escape; one that is would be read otherwise than it is kept.
            _escaped = !_escaped;
            IsUnreadable |= _capturing is not null;
        }
        else if (b == (byte)'"')
        {
            End();
            return;
        }

        if (_isKey && _length < LongestKey)
        {
            _text[_length++] = b;
        }
        else if (_isKey)
        {
            _isKey = false;
        }
        else if (_capturing is not null)
        {
            IsUnreadable |= _length == _text.Length;
            _text[Math.Min(_length, _text.Length - 1)] = b;
            _length = Math.Min(_length + 1, _text.Length);
        }
    }

    private void End()
    {
        _inString = false;
        if (_capturing is { } kind)
        {
            _capturing = null;
            if (_length > 0)
            {
                Found.Add(new PathId(kind, Encoding.UTF8.GetString(_text, 0, _length)));
            }
        }
        else if (_expectKey)
        {
            _key = _isKey ? Encoding.UTF8.GetString(_text, 0, _length) : null;
            _isKey = false;
        }
    }

    private void Open(bool isObject)
    {
        if (!isObject && InObject && KindOf(_key) is { } kind)
        {
            (_listDepth, _listKind) = (_depth + 1, kind);
        }

        if (_depth < 2)
        {
            (_parent, _parentDepth) = isObject && _depth == 1 && _key is not null ? (_key, 2) : (null, 0);
            _listParent = isObject || _depth == 0 ? null : ListParentOf(_key);
        }
        else if (_depth == 2 && isObject && _listParent is not null)
        {
            (_parent, _parentDepth) = (_listParent, 3);
        }

        if (_depth < 64)
        {
            _objects = isObject ? _objects | (1UL << _depth) : _objects & ~(1UL << _depth);
        }

        _depth++;
        _key = null;
        _expectKey = isObject;
    }

    private string? KindOf(string? key)
    {
        if (key is null || (_depth != 1 && _depth != _parentDepth))
        {
            return null;
        }

        foreach (var one in told)
        {
            if (one.Member == key && one.Parent == (_depth == 1 ? null : _parent))
            {
                return one.Kind;
            }
        }

        return null;
    }

    /// <summary>The list as the catalogue writes it, where it names something in the objects of one.</summary>
    private string? ListParentOf(string? key)
    {
        foreach (var one in told)
        {
            if (key is not null && one.Parent is { } parent && parent.Length == key.Length + ToldObject.InList.Length
                && parent.StartsWith(key, StringComparison.Ordinal) && parent.EndsWith(ToldObject.InList, StringComparison.Ordinal))
            {
                return parent;
            }
        }

        return null;
    }
}
