using System.Buffers;

namespace Gateway.Load.Carriers.Http2;

/// <summary>A call under way.</summary>
/// <remarks><b>Ownership</b>: what has been received lies in rented memory, from the first byte until <see cref="Close"/>.</remarks>
internal struct Http2Stream
{
    // Beyond this memory grows with what has come, not with what is announced.
    private const int MostAtOnce = 1 << 20;

    private byte[] _received;

    /// <summary>0 for a place that is free.</summary>
    public int Id { get; private set; }

    public int Call { get; private set; }

    public byte[] Body { get; private set; }

    /// <summary>Bytes of the body that are on their way.</summary>
    public int Sent { get; set; }

    /// <summary>Bytes that may be sent now; below 0 after the server has changed its mind.</summary>
    public long Window { get; set; }

    /// <summary>HTTP's status; 0 before the first headers.</summary>
    public int Status { get; set; }

    public int ReceivedBytes { get; private set; }

    public readonly ReadOnlySpan<byte> Received => _received.AsSpan(0, ReceivedBytes);

    public void Open(int id, int call, byte[] body, int window)
    {
        Id = id;
        Call = call;
        Body = body;
        Sent = 0;
        Window = window;
        Status = 0;
        ReceivedBytes = 0;
        _received = [];
    }

    /// <summary>Appends to what has been received.</summary>
    /// <param name="expected">Bytes that there will be in all, as far as is known.</param>
    public void Receive(ReadOnlySpan<byte> data, int expected)
    {
        int needed = ReceivedBytes + data.Length;
        if (needed > _received.Length)
        {
            byte[] larger = ArrayPool<byte>.Shared.Rent(Math.Max(needed, Math.Max(Math.Min(expected, MostAtOnce), 2 * _received.Length)));
            Received.CopyTo(larger);
            if (_received.Length > 0) ArrayPool<byte>.Shared.Return(_received);
            _received = larger;
        }

        data.CopyTo(_received.AsSpan(ReceivedBytes));
        ReceivedBytes = needed;
    }

    /// <summary>Frees the place; what was received may be used until the returned memory is given back.</summary>
    /// <returns>Memory to return to the shared pool; empty for none.</returns>
    public byte[] Close()
    {
        Id = 0;
        Body = [];
        ReceivedBytes = 0;
        return _received;
    }
}
