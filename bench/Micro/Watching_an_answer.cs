using System.Text;
using BenchmarkDotNet.Attributes;
using TokenBroker.Gateway;

namespace TokenBroker.Bench.Micro;

/// <summary>What the tap does to an answer of 1 KB: look for usage, and for the user's key.</summary>
[MemoryDiagnoser]
public class Watching_an_answer
{
    private const string Usage = """{"prompt_tokens":212,"completion_tokens":148,"total_tokens":360}""";
    private readonly byte[] _answer = Encoding.ASCII.GetBytes(
        $$$"""{"id":"chatcmpl-1","object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"{{{new string('a', 750)}}}"}}],"usage":{{{Usage}}}}""");

    [Benchmark]
    public int For_usage()
    {
        var scanner = new UsageScanner();
        scanner.Feed(_answer);
        return scanner.Usage.Length;
    }

    [Benchmark]
    public bool For_the_key()
    {
        var guard = new KeyGuard(LiveBroker.UpstreamKey);
        var passed = guard.TryPass(_answer, out _);
        guard.Clear();
        return passed;
    }
}
