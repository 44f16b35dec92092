namespace TokenBroker.Operations.Egress;

/// <summary>What came of a fetch.</summary>
internal abstract record EgressAnswer
{
    /// <param name="Body">The JSON, whole.</param>
    /// <param name="MaxAge">What the server's <c>Cache-Control</c> says, if anything; zero where it forbids keeping.</param>
    public sealed record Document(ReadOnlyMemory<byte> Body, TimeSpan? MaxAge) : EgressAnswer;

    /// <param name="Reason">What is wrong, to follow the address.</param>
    /// <param name="MayPass">Whether it may be otherwise in a while: no answer in time, or the server's own failure.</param>
    public sealed record Failure(string Reason, bool MayPass) : EgressAnswer;
}
