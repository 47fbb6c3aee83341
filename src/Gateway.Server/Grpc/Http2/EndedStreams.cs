namespace Gateway.Server.Grpc.Http2;

/// <summary>The last streams that the server ended before the client had said all: what was on its way is passed over.</summary>
/// <remarks><b>Threading</b>: one thread. <b>Cost</b>: 8 KiB at most, and little where few streams end so.</remarks>
internal sealed class EndedStreams
{
    // All that may be open at a time can end so at once, twice over: under load each is refused, and tried again.
    private const int Most = 2 * GrpcListener.MostStreams;

    private int[] _ids = new int[16];
    private int _count;
    private int _next;

    public void Add(int stream)
    {
        if (_next == _ids.Length && _next < Most) Array.Resize(ref _ids, 2 * _next);
        if (_next == _ids.Length) _next = 0;
        _ids[_next++] = stream;
        _count = Math.Max(_count, _next);
    }

    public bool Has(int stream) => _ids.AsSpan(0, _count).Contains(stream);
}
