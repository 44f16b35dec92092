using System.Net.Sockets;
using System.Text;

namespace TokenBroker.Tests.Gateway;

/// <summary>
/// One HTTP/2 connection whose header blocks are written as they are (RFC 9113, RFC 7541): literal fields without
/// Huffman coding, so that any byte can stand in a name or a value.
/// </summary>
internal sealed class RawHttp2 : IDisposable
{
    private const byte Data = 0, Headers = 1, Reset = 3, Settings = 4, GoAway = 7, EndStream = 1, EndHeaders = 4, Ack = 1;
    private readonly TcpClient _client = new();
    private readonly CancellationTokenSource _patience = new(TimeSpan.FromSeconds(60));

    public static async Task<RawHttp2> ConnectAsync(int port)
    {
        var connection = new RawHttp2();
        await connection._client.ConnectAsync(System.Net.IPAddress.Loopback, port);
        await connection._client.GetStream().WriteAsync("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8.ToArray());
        await connection.WriteAsync(Settings, 0, 0, []);
        return connection;
    }

    public void Dispose()
    {
        _client.Dispose();
        _patience.Dispose();
    }

    /// <summary>Sends one request and reads to its end, or to that of the connection.</summary>
    /// <returns>The bytes of the answer's body; null where the stream or connection was ended instead.</returns>
    public async Task<string?> SendAsync((string Name, string Value)[] fields, string? body)
    {
        using var block = new MemoryStream();
        foreach (var (name, value) in fields)
        {
            block.WriteByte(0);
            Put(block, name);
            Put(block, value);
        }

        await WriteAsync(Headers, (byte)(EndHeaders | (body is null ? EndStream : 0)), 1, block.ToArray());
        if (body is not null)
        {
            await WriteAsync(Data, EndStream, 1, Encoding.Latin1.GetBytes(body));
        }

        return await ReadAsync();
    }

    private static void Put(MemoryStream block, string text)
    {
        var bytes = Encoding.Latin1.GetBytes(text);

        // A prefix of seven bits; what is longer goes on in groups of seven.
        block.WriteByte((byte)Math.Min(127, bytes.Length));
        for (var rest = bytes.Length - 127; rest >= 0; rest >>= 7)
        {
            block.WriteByte((byte)(rest < 128 ? rest : (rest & 127) | 128));
            if (rest < 128)
            {
                break;
            }
        }

        block.Write(bytes);
    }

    private async Task<string?> ReadAsync()
    {
        var body = new StringBuilder();
        var head = new byte[9];
        try
        {
            while (true)
            {
                await _client.GetStream().ReadExactlyAsync(head, _patience.Token);
                var payload = new byte[(head[0] << 16) | (head[1] << 8) | head[2]];
                await _client.GetStream().ReadExactlyAsync(payload, _patience.Token);
                var (type, flags) = (head[3], head[4]);
                switch (type)
                {
                    case Data:
                        body.Append(Encoding.UTF8.GetString(payload));
                        break;
                    case Settings when (flags & Ack) == 0:
                        await WriteAsync(Settings, Ack, 0, []);
                        continue;
                    case Reset or GoAway:
                        return null;
                }

                if (type is Data or Headers && (flags & EndStream) != 0)
                {
                    return body.ToString();
                }
            }
        }
        catch (IOException)
        {
            return null;
        }
    }

    private async Task WriteAsync(byte type, byte flags, int stream, byte[] payload)
    {
        byte[] head = [(byte)(payload.Length >> 16), (byte)(payload.Length >> 8), (byte)payload.Length, type, flags, 0, 0, 0, (byte)stream];
        await _client.GetStream().WriteAsync((byte[])[.. head, .. payload], _patience.Token);
    }
}
