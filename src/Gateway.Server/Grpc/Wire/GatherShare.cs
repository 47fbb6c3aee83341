namespace Gateway.Server.Grpc.Wire;

/// <summary>What the calls of one connection hold together of messages that have not arrived whole; one alone may hold as much as it needs.</summary>
/// <remarks><b>Threading</b>: any.</remarks>
/// <param name="mostBytes">Most bytes of more than one.</param>
internal sealed class GatherShare(long mostBytes)
{
    private long _bytes;

    /// <summary>Grows a message's part, or begins it.</summary>
    /// <returns>False when there is no room for it: nothing has changed.</returns>
    public bool TryGrow(long from, long to)
    {
        long total = Interlocked.Add(ref _bytes, to - from);
        if (total <= mostBytes || total == to) return true;
        Interlocked.Add(ref _bytes, from - to);
        return false;
    }

    public void GiveBack(long bytes) => Interlocked.Add(ref _bytes, -bytes);
}
