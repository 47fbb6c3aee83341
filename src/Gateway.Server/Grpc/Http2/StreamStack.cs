namespace Gateway.Server.Grpc.Http2;

/// <summary>Streams on their way to the one thread that looks at them.</summary>
/// <remarks><b>Threading</b>: any thread pushes, one takes. A stream is in one stack at a time. <b>Cost</b>: no lock, no allocation.</remarks>
internal sealed class StreamStack
{
    private Http2Stream? _last;

    public bool IsEmpty => Volatile.Read(ref _last) is null;

    public void Push(Http2Stream stream)
    {
        Http2Stream? last;
        do
        {
            last = Volatile.Read(ref _last);
            stream.Next = last;
        }
        while (Interlocked.CompareExchange(ref _last, stream, last) != last);
    }

    /// <summary>Takes all, in order, linked by <see cref="Http2Stream.Next"/>.</summary>
    public Http2Stream? TakeAll()
    {
        if (Volatile.Read(ref _last) is null) return null;
        Http2Stream? reversed = Interlocked.Exchange(ref _last, null);
        Http2Stream? inOrder = null;
        while (reversed is not null)
        {
            Http2Stream stream = reversed;
            reversed = stream.Next;
            stream.Next = inOrder;
            inOrder = stream;
        }

        return inOrder;
    }
}
