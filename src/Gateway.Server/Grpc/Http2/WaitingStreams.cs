namespace Gateway.Server.Grpc.Http2;

/// <summary>Streams that have something to send and may not yet, first come first served.</summary>
/// <remarks><b>Threading</b>: the sender's. <b>Cost</b>: no allocation.</remarks>
internal sealed class WaitingStreams
{
    private Http2Stream? _last;

    public Http2Stream? First { get; private set; }

    public void Add(Http2Stream stream)
    {
        if (stream.WaitsIn is not null) return;
        stream.WaitsIn = this;
        stream.PreviousWaiting = _last;
        if (_last is null) First = stream;
        else _last.NextWaiting = stream;
        _last = stream;
    }

    public void Remove(Http2Stream stream)
    {
        if (stream.WaitsIn != this) return;
        stream.WaitsIn = null;
        if (stream.PreviousWaiting is { } previous) previous.NextWaiting = stream.NextWaiting;
        else First = stream.NextWaiting;
        if (stream.NextWaiting is { } next) next.PreviousWaiting = stream.PreviousWaiting;
        else _last = stream.PreviousWaiting;
        stream.NextWaiting = stream.PreviousWaiting = null;
    }
}
