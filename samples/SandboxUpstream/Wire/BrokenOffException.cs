namespace TokenBroker.Samples.SandboxUpstream.Wire;

/// <summary>The answer ends here and the connection is to be torn down: a fault asked for it, or the upload broke off.</summary>
internal sealed class BrokenOffException : Exception;
