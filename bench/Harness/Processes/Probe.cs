using System.Globalization;
using System.Net.Sockets;
using System.Text;

namespace TokenBroker.Bench.Processes;

/// <summary>Asks the startup hook inside a .NET contender. Blocks for the moment that an answer takes.</summary>
internal sealed class Probe : IDisposable
{
    private readonly Socket _socket = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified) { ReceiveTimeout = 20_000 };

    private Probe()
    {
    }

    public static Probe Connect(string address)
    {
        var probe = new Probe();
        probe._socket.Connect(new UnixDomainSocketEndPoint(address));
        return probe;
    }

    /// <summary>Bytes that were allocated since the process began.</summary>
    public long Allocated() => Ask('a');

    /// <summary>Collects all garbage and gives free memory back to the system.</summary>
    /// <returns>The bytes of the objects that live.</returns>
    public long Collect() => Ask('c');

    public long Memory() => Ask('p');

    /// <summary>How many methods were compiled so far, each time that one is compiled anew included.</summary>
    public long Compiled() => Ask('j');

    public void Dispose() => _socket.Dispose();

    private long Ask(char question)
    {
        _socket.Send([(byte)question]);
        var answer = new StringBuilder();
        var next = new byte[32];
        while (answer.Length == 0 || answer[^1] != '\n')
        {
            var read = _socket.Receive(next);
            if (read == 0)
            {
                throw new IOException("The probe went away.");
            }

            answer.Append(Encoding.ASCII.GetString(next, 0, read));
        }

        return long.Parse(answer.ToString().AsSpan().Trim(), CultureInfo.InvariantCulture);
    }
}
