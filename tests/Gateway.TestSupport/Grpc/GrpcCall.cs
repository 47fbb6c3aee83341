using System.Buffers.Binary;
using System.Globalization;
using System.Net;

namespace Gateway.TestSupport.Grpc;

/// <summary>A call that is written and read at the same time, by one writer and one reader; disposing it, or cancelling, resets its stream.</summary>
public sealed class GrpcCall : IDisposable
{
    private readonly CancellationTokenSource _cancelled = new();
    private Task<HttpResponseMessage> _response = null!;
    private Stream? _answer;

    internal PushContent Body { get; } = new();

    internal CancellationToken Cancelled => _cancelled.Token;

    /// <summary>Sends bytes: a message, or a part of one.</summary>
    public async Task WriteAsync(ReadOnlyMemory<byte> bytes)
    {
        Stream body = await Body.Stream.WaitAsync(Cancelled).ConfigureAwait(false);
        await body.WriteAsync(bytes, Cancelled).ConfigureAwait(false);
        await body.FlushAsync(Cancelled).ConfigureAwait(false);
    }

    /// <summary>Closes the client's half.</summary>
    public void Close() => Body.Close();

    /// <summary>Reads the next message; null at the end.</summary>
    public async Task<byte[]?> ReadAsync()
    {
        _answer ??= await (await _response.ConfigureAwait(false)).Content.ReadAsStreamAsync(Cancelled).ConfigureAwait(false);
        byte[] prefix = new byte[InferCodec.PrefixBytes];
        if (await _answer.ReadAtLeastAsync(prefix, prefix.Length, throwOnEndOfStream: false, Cancelled).ConfigureAwait(false) < prefix.Length) return null;
        byte[] message = new byte[BinaryPrimitives.ReadUInt32BigEndian(prefix.AsSpan(1))];
        await _answer.ReadExactlyAsync(message, Cancelled).ConfigureAwait(false);
        return message;
    }

    /// <summary>The status, once all messages have been read; -1 for none.</summary>
    public async Task<int> StatusAsync()
    {
        HttpResponseMessage response = await _response.ConfigureAwait(false);
        IEnumerable<string>? values = response.TrailingHeaders.TryGetValues("grpc-status", out IEnumerable<string>? trailing) ? trailing
            : response.Headers.TryGetValues("grpc-status", out IEnumerable<string>? leading) ? leading : null;
        return values is null ? -1 : int.Parse(values.First(), CultureInfo.InvariantCulture);
    }

    public void Cancel() => _cancelled.Cancel();

    public void Dispose()
    {
        _cancelled.Cancel();
        Body.Close();
        if (_response.IsCompletedSuccessfully) _response.Result.Dispose();

        // Whatever became of it has been seen, or nobody wants to know.
        _ = _response.ContinueWith(static task => task.Exception, CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted, TaskScheduler.Default);
        _cancelled.Dispose();
    }

    internal void Begin(Task<HttpResponseMessage> response)
    {
        _response = response;

        // A call that ends before its body is asked for, as one whose time is over does, must not keep its writer waiting.
        _ = response.ContinueWith(
            static (answer, body) =>
            {
                if (!answer.IsCompletedSuccessfully || HasEnded(answer.Result)) ((PushContent)body!).Fail();
            },
            Body, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
    }

    // An answer without messages has its status in its head.
    private static bool HasEnded(HttpResponseMessage response) => response.Headers.Contains("grpc-status");

    /// <summary>A body that is written from outside.</summary>
    internal sealed class PushContent : HttpContent
    {
        private readonly TaskCompletionSource<Stream> _stream = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly TaskCompletionSource _closed = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task<Stream> Stream => _stream.Task;

        public void Close() => _closed.TrySetResult();

        public void Fail()
        {
            if (_stream.TrySetException(new IOException("The call has ended."))) _ = _stream.Task.Exception;
        }

        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) => SerializeToStreamAsync(stream, context, CancellationToken.None);

        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken)
        {
            await stream.FlushAsync(cancellationToken).ConfigureAwait(false);

            // What has been sent once is gone: on another connection the call would be another, an empty one.
            if (!_stream.TrySetResult(stream)) throw new IOException("The call's connection was lost, and it cannot be sent again.");
            await _closed.Task.WaitAsync(cancellationToken).ConfigureAwait(false);
        }

        protected override bool TryComputeLength(out long length)
        {
            length = -1;
            return false;
        }
    }
}
