namespace TokenBroker.Bench.Parties;

/// <summary>What the report calls the contenders.</summary>
internal static class Names
{
    public const string Direct = "direct";
    public const string Nginx = "nginx";
    public const string Yarp = "yarp";
    public const string Broker = "broker";
    public const string NginxAuth = "nginx+auth";
    public const string NginxLookup = "nginx+lookup";
    public const string Stock = "openiddict";
}
