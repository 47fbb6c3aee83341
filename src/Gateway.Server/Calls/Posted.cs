namespace Gateway.Server.Calls;

/// <summary>Calls, or streams, on their way to the one loop that looks at them.</summary>
/// <remarks><b>Threading</b>: any thread posts, an instance's among them; one takes. Each is in one list at a time. <b>Cost</b>: no lock, no allocation.</remarks>
internal sealed class Posted<TCall>
    where TCall : class, ILinked<TCall>
{
    private TCall? _last;

    public bool IsEmpty => Volatile.Read(ref _last) is null;

    /// <returns>Whether there were none: with others before it the loop has been woken and not yet looked.</returns>
    public bool Post(TCall call)
    {
        TCall? last;
        do
        {
            last = Volatile.Read(ref _last);
            call.Next = last;
        }
        while (Interlocked.CompareExchange(ref _last, call, last) != last);
        return last is null;
    }

    /// <summary>Takes all that were posted, in order, linked by <see cref="ILinked{TSelf}.Next"/>.</summary>
    public TCall? TakeAll()
    {
        if (Volatile.Read(ref _last) is null) return null;
        TCall? reversed = Interlocked.Exchange(ref _last, null);
        TCall? inOrder = null;
        while (reversed is not null)
        {
            TCall call = reversed;
            reversed = call.Next;
            call.Next = inOrder;
            inOrder = call;
        }

        return inOrder;
    }
}
