using System.Buffers.Binary;
using System.IO.Compression;
using System.Net;
using Google.Protobuf;

namespace Gateway.UnitTests.Grpc;

/// <summary>A call that is written and read by turns.</summary>
internal sealed class GrpcDuplex : IDisposable
{
    private Stream? _answer;

    public CancellationTokenSource Cancelled { get; } = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);

    public PushContent Content { get; } = new();

    public Task<HttpResponseMessage> Response { get; set; } = null!;

    public Task WriteAsync(IMessage message) => WriteAsync(GrpcClient.Frame(message.ToByteArray()));

    public async Task WriteAsync(byte[] bytes)
    {
        Stream body = await Content.Body;
        await body.WriteAsync(bytes, Cancelled.Token);
        await body.FlushAsync(Cancelled.Token);
    }

    /// <summary>Says that no more is written.</summary>
    public void Close() => Content.Close();

    /// <summary>Reads the next message, compressed or not; null at the end.</summary>
    public async Task<T?> ReadAsync<T>(MessageParser<T> parser)
        where T : class, IMessage<T>
    {
        _answer ??= await (await Response).Content.ReadAsStreamAsync(Cancelled.Token);
        byte[] prefix = new byte[5];
        if (await _answer.ReadAtLeastAsync(prefix, 5, throwOnEndOfStream: false, Cancelled.Token) < 5) return null;
        byte[] message = new byte[BinaryPrimitives.ReadUInt32BigEndian(prefix.AsSpan(1))];
        await _answer.ReadExactlyAsync(message, Cancelled.Token);
        return prefix[0] == 0 ? parser.ParseFrom(message) : parser.ParseFrom(new GZipStream(new MemoryStream(message), CompressionMode.Decompress));
    }

    /// <summary>The status, once all messages have been read.</summary>
    public async Task<(int Status, string Message)> EndAsync()
    {
        Assert.Null(await ReadAsync(Server.Grpc.Messages.ModelStreamInferResponse.Parser));
        HttpResponseMessage response = await Response;
        Dictionary<string, string> ends = response.Headers.Concat(response.TrailingHeaders).ToDictionary(each => each.Key, each => string.Join(",", each.Value));
        return (int.Parse(ends["grpc-status"], System.Globalization.CultureInfo.InvariantCulture), Uri.UnescapeDataString(ends.GetValueOrDefault("grpc-message", "")));
    }

    /// <summary>Gives the call up: the stream is reset.</summary>
    public async Task CancelAsync()
    {
        await Cancelled.CancelAsync();
        if (Response.IsCompletedSuccessfully) (await Response).Dispose();
    }

    public void Dispose()
    {
        Cancelled.Cancel();
        Content.Close();
        Cancelled.Dispose();
    }

    /// <summary>A body that is written from outside.</summary>
    internal sealed class PushContent : HttpContent
    {
        private readonly TaskCompletionSource<Stream> _body = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly TaskCompletionSource _closed = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task<Stream> Body => _body.Task;

        public void Close() => _closed.TrySetResult();

        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) => SerializeToStreamAsync(stream, context, CancellationToken.None);

        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken)
        {
            await stream.FlushAsync(cancellationToken);
            _body.TrySetResult(stream);
            await _closed.Task.WaitAsync(cancellationToken);
        }

        protected override bool TryComputeLength(out long length)
        {
            length = -1;
            return false;
        }
    }
}
