using System.Net;
using System.Net.Sockets;
using CsCheck;
using TokenBroker.Operations.Egress;
using IPNetwork = System.Net.IPNetwork;

namespace TokenBroker.Tests.Operations.Egress;

/// <summary>Which addresses a stranger may send the broker to.</summary>
public sealed class Global_addresses
{
    private static readonly string[] Special4 =
    [
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24",
        "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
    ];

    private static readonly Gen<IPAddress> Any4 = Gen.Byte.Array[4].Select(bytes => new IPAddress(bytes));

    /// <summary>Anywhere, and, half the time, inside or at the edge of a special network: blind throws rarely hit a /24.</summary>
    private static readonly Gen<IPAddress> Near4 = Gen.Select(Any4, Gen.Int[0, Special4.Length - 1], Gen.Int[-1, 2], Gen.Bool, (any, index, edge, near) =>
    {
        var network = IPNetwork.Parse(Special4[index]);
        var first = ToNumber(network.BaseAddress);
        var last = first + (uint)((1UL << (32 - network.PrefixLength)) - 1);
        return !near ? any : edge switch { -1 => ToAddress(unchecked(first - 1)), 0 => ToAddress(first), 1 => ToAddress(last), _ => ToAddress(unchecked(last + 1)) };
    });

    [Theory]
    [InlineData("8.8.8.8")]
    [InlineData("1.1.1.1")]
    [InlineData("9.255.255.255")]
    [InlineData("11.0.0.0")]
    [InlineData("100.63.255.255")]
    [InlineData("100.128.0.0")]
    [InlineData("172.15.255.255")]
    [InlineData("172.32.0.0")]
    [InlineData("223.255.255.255")]
    [InlineData("2606:4700:4700::1111")]
    [InlineData("2a00:1450:4001:80b::200e")]
    [InlineData("::ffff:8.8.8.8")]
    [InlineData("64:ff9b::808:808")]
    [InlineData("2002:808:808::1")]
    public void Are_open(string address) => GlobalAddresses.Contain(IPAddress.Parse(address)).Should().BeTrue();

    [Theory]
    [InlineData("0.0.0.0")]
    [InlineData("10.1.2.3")]
    [InlineData("100.64.0.1")]
    [InlineData("127.0.0.1")]
    [InlineData("127.255.255.255")]
    [InlineData("169.254.169.254")]
    [InlineData("172.31.255.255")]
    [InlineData("192.0.0.8")]
    [InlineData("192.168.1.1")]
    [InlineData("198.19.255.255")]
    [InlineData("224.0.0.1")]
    [InlineData("255.255.255.255")]
    [InlineData("::")]
    [InlineData("::1")]
    [InlineData("::7f00:1")]
    [InlineData("::ffff:127.0.0.1")]
    [InlineData("::ffff:169.254.169.254")]
    [InlineData("64:ff9b::a9fe:a9fe")]
    [InlineData("64:ff9b:1::1")]
    [InlineData("100::1")]
    [InlineData("2001::1")]
    [InlineData("2001:1ff:ffff::1")]
    [InlineData("2001:db8::1")]
    [InlineData("2002:7f00:1::1")]
    [InlineData("2002:a9fe:a9fe::")]
    [InlineData("3fff::1")]
    [InlineData("fc00::1")]
    [InlineData("fd00:ec2::254")]
    [InlineData("fe80::1")]
    [InlineData("fec0::1")]
    [InlineData("ff02::1")]
    [InlineData("4000::1")]
    public void Are_not_these(string address) => GlobalAddresses.Contain(IPAddress.Parse(address)).Should().BeFalse();

    [Fact]
    public void Are_those_of_IPv4_outside_every_special_network() =>
        Near4.Sample(address => GlobalAddresses.Contain(address) == !Special4.Any(network => IPNetwork.Parse(network).Contains(address)), iter: 20_000);

    [Fact]
    public void Are_judged_by_the_IPv4_address_inside_however_it_is_written() => Near4.Sample(
        address =>
        {
            var bytes = address.GetAddressBytes();
            var expected = GlobalAddresses.Contain(address);
            IPAddress[] written =
            [
                address.MapToIPv6(),
                new([0x00, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0, .. bytes]),
                new([0x20, 0x02, .. bytes, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]),
            ];
            return written.All(one => GlobalAddresses.Contain(one) == expected);
        },
        iter: 20_000);

    [Fact]
    public void Of_IPv6_are_in_2000_slash_3_alone() => Gen.Byte.Array[16].Sample(
        bytes =>
        {
            var address = new IPAddress(bytes);
            var translated = IPNetwork.Parse("64:ff9b::/96").Contains(address) || address.IsIPv4MappedToIPv6;
            return address.AddressFamily == AddressFamily.InterNetworkV6 && (!GlobalAddresses.Contain(address) || translated || bytes[0] >> 5 == 1);
        },
        iter: 20_000);

    private static uint ToNumber(IPAddress address) => System.Buffers.Binary.BinaryPrimitives.ReadUInt32BigEndian(address.GetAddressBytes());

    private static IPAddress ToAddress(uint number)
    {
        var bytes = new byte[4];
        System.Buffers.Binary.BinaryPrimitives.WriteUInt32BigEndian(bytes, number);
        return new IPAddress(bytes);
    }
}
