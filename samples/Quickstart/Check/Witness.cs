using System.Collections.Concurrent;
using System.Net;
using System.Text;

namespace TokenBroker.Samples.Quickstart.Check;

/// <summary>
/// A client's connection that remembers every response in full, headers and body, also of streams that break off, so
/// that the end of the play can search them for the stored key.
/// </summary>
internal sealed class Witness(bool withCookies) : DelegatingHandler(new SocketsHttpHandler
{
    AllowAutoRedirect = false,
    UseCookies = withCookies,
    CookieContainer = new CookieContainer(),
    UseProxy = false,
})
{
    private readonly ConcurrentQueue<MemoryStream> _received = new();

    public int Responses => _received.Count;

    /// <summary>Whether any response held the text.</summary>
    public bool Saw(string text) => _received.Any(response => Encoding.UTF8.GetString(response.ToArray()).Contains(text, StringComparison.Ordinal));

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var response = await base.SendAsync(request, cancellationToken);
        var record = new MemoryStream();
        _received.Enqueue(record);
        record.Write(Encoding.UTF8.GetBytes($"{response.Headers}{response.Content.Headers}\n"));

        var content = new StreamContent(new Tee(await response.Content.ReadAsStreamAsync(cancellationToken), record));
        foreach (var (name, values) in response.Content.Headers.NonValidated)
        {
            content.Headers.TryAddWithoutValidation(name, (IEnumerable<string>)values);
        }

        response.Content = content;
        return response;
    }

    /// <summary>Gives a body on as it comes and keeps a copy.</summary>
    private sealed class Tee(Stream inner, MemoryStream copy) : Stream
    {
        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        public override int Read(byte[] buffer, int offset, int count)
        {
            var read = inner.Read(buffer, offset, count);
            copy.Write(buffer, offset, read);
            return read;
        }

        public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
            ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            var read = await inner.ReadAsync(buffer, cancellationToken);
            copy.Write(buffer.Span[..read]);
            return read;
        }

        public override void Flush() => inner.Flush();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        protected override void Dispose(bool disposing)
        {
            if (disposing)
            {
                inner.Dispose();
            }

            base.Dispose(disposing);
        }
    }
}
