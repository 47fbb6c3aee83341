namespace Gateway.Server.Grpc.Http2;

/// <summary>The last streams that the server ended before the client had said all: what was on its way is passed over.</summary>
/// <remarks><b>Threading</b>: one thread.</remarks>
internal sealed class EndedStreams
{
    private const int Most = 128;

    private readonly int[] _ids = new int[Most];
    private int _next;

    public void Add(int stream)
    {
        _ids[_next] = stream;
        _next = (_next + 1) % Most;
    }

    public bool Has(int stream) => _ids.AsSpan().Contains(stream);
}
