using System.Buffers;
using System.Threading.Channels;
using Microsoft.Extensions.Logging;

namespace Gateway.Core.Tracing;

/// <summary>Writes traces to their files, aside from the requests.</summary>
/// <remarks>
/// <b>Behaviour</b>: what comes faster than it can be written, cannot be written, or is more than may be, is dropped and counted; a file that fails is tried again with the next trace.
/// <b>Threading</b>: any; one task writes. It begins with the first trace.
/// </remarks>
internal sealed partial class TraceWriter(ILogger logger, long frequency) : IAsyncDisposable
{
    // Some megabytes, and a second of all requests of a busy server.
    private const int MostWaiting = 4096;

    // Who may change settings must not be able to fill the disk.
    private const long MostBytes = 4L << 30;

    private static readonly TimeSpan EndTime = TimeSpan.FromSeconds(5);

    private readonly Channel<RequestTrace> _waiting = Channel.CreateBounded<RequestTrace>(new BoundedChannelOptions(MostWaiting) { SingleReader = true });
    private readonly Dictionary<string, TraceFile> _files = new(StringComparer.Ordinal);
    private readonly ArrayBufferWriter<byte> _text = new();
    private readonly Lock _lock = new();
    private Task? _writing;
    private long _bytes;
    private long _written;
    private long _dropped;
    private bool _isFailing;

    public long Written => Volatile.Read(ref _written);

    public long Dropped => Volatile.Read(ref _dropped);

    public void Write(RequestTrace trace)
    {
        if (_writing is null) Begin();
        if (!_waiting.Writer.TryWrite(trace)) Interlocked.Increment(ref _dropped);
    }

    /// <summary>Writes what waits.</summary>
    public async ValueTask DisposeAsync()
    {
        _waiting.Writer.TryComplete();
        Task? writing;
        lock (_lock) writing = _writing;
        if (writing is not null) await Task.WhenAny(writing, Task.Delay(EndTime, TimeProvider.System)).ConfigureAwait(false);
    }

    private void Begin()
    {
        lock (_lock) _writing ??= Task.Run(WriteAllAsync);
    }

    private async Task WriteAllAsync()
    {
        await foreach (RequestTrace trace in _waiting.Reader.ReadAllAsync().ConfigureAwait(false)) Save(trace);
        foreach (TraceFile file in _files.Values) file.Dispose();
    }

    private void Save(RequestTrace trace)
    {
        try
        {
            _text.ResetWrittenCount();
            TraceText.Write(_text, trace, frequency);
            if ((_bytes += _text.WrittenCount) > MostBytes) throw new IOException($"{MostBytes} bytes of traces have been written since the start");
            if (!_files.TryGetValue(trace.Config.File, out TraceFile? file)) _files.Add(trace.Config.File, file = new TraceFile(trace.Config.File));
            file.Write(_text.WrittenSpan, trace.Config.LogFrequency);
            Interlocked.Increment(ref _written);
            _isFailing = false;
        }
#pragma warning disable CA1031 // Whatever is wrong with a trace or its file, the next may be written.
        catch (Exception error)
#pragma warning restore CA1031
        {
            Interlocked.Increment(ref _dropped);
            if (!_isFailing) LogFailed(logger, trace.Config.File, error.Message);
            _isFailing = true;
        }
    }

    [LoggerMessage(1020, LogLevel.Warning, "Traces cannot be written to {File} and are dropped: {Problem}", EventName = "TraceFailed")]
    private static partial void LogFailed(ILogger logger, string file, string problem);
}
