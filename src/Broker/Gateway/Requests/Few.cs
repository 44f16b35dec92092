using System.Runtime.CompilerServices;

namespace TokenBroker.Gateway;

/// <summary>A list that is almost always empty or short: it allocates for its third item only.</summary>
internal struct Few<T>
{
    private Pair _pair;
    private List<T>? _more;

    public int Count { get; private set; }

    public T this[int index]
    {
        readonly get => index < Pair.Length ? _pair[index] : _more![index - Pair.Length];
        set
        {
            if (index < Pair.Length)
            {
                _pair[index] = value;
            }
            else
            {
                _more![index - Pair.Length] = value;
            }
        }
    }

    public void Add(T item)
    {
        if (Count < Pair.Length)
        {
            _pair[Count] = item;
        }
        else
        {
            (_more ??= []).Add(item);
        }

        Count++;
    }

    [InlineArray(Length)]
    private struct Pair
    {
        public const int Length = 2;
        private T _first;
    }
}
