using System.Text;
using BenchmarkDotNet.Attributes;
using TokenBroker.Bench.Parties;
using TokenBroker.Gateway;
using TokenBroker.Upstreams;

namespace TokenBroker.Bench.Micro;

/// <summary>Step 4 of a call: the one pass over a JSON body.</summary>
[MemoryDiagnoser]
public class Reading_a_body
{
    private readonly byte[] _kilobyte = Encoding.ASCII.GetBytes(Requests.CallBody);
    private readonly byte[] _stream = Encoding.ASCII.GetBytes(Requests.StreamBody);
    private readonly byte[] _large = Encoding.ASCII.GetBytes(Requests.CallBody.Replace("Summarise", new string('a', 64 * 1024), StringComparison.Ordinal));

    [Benchmark(Baseline = true)]
    public bool Of_1_KB() => JsonRequest.Read(_kilobyte, OperationKind.Chat).Request is not null;

    [Benchmark]
    public bool Of_1_KB_that_streams() => JsonRequest.Read(_stream, OperationKind.Chat).Request is not null;

    [Benchmark]
    public bool Of_many_KB() => JsonRequest.Read(_large, OperationKind.Chat).Request is not null;
}
