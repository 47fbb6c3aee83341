namespace Gateway.Core.Memory.Shared;

/// <summary>Memory of a client's that it has registered under a name, wherever it lies: what requests read inputs from and write outputs to.</summary>
/// <remarks><b>Threading</b>: any. <b>Ownership</b>: counted by its users; the last <see cref="Release"/> closes it.</remarks>
public abstract class SharedRegion
{
    private int _references = 1;

    private protected SharedRegion(string name, long bytes)
    {
        Name = name;
        Bytes = bytes;
    }

    public string Name { get; }

    public long Bytes { get; }

    /// <summary>Where it begins in the memory that it is a part of.</summary>
    private protected abstract ulong Start { get; }

    /// <summary>Reads all of <paramref name="to"/> from <paramref name="offset"/> within the region, which reaches that far.</summary>
    /// <exception cref="Protocol.InferenceException">It cannot be read there any more.</exception>
    internal abstract void Read(long offset, Span<byte> to);

    /// <summary>Writes at <paramref name="offset"/> within the region, which reaches far enough; once it returns, the client finds the bytes there.</summary>
    /// <exception cref="Protocol.InferenceException">It cannot be written there any more.</exception>
    internal abstract void Write(long offset, ReadOnlySpan<byte> bytes);

    /// <summary>Whether two ranges, each within its region, have bytes of the same memory in common.</summary>
    internal static bool Overlap(in SharedRange one, in SharedRange other)
    {
        ulong first = one.Region!.Start + (ulong)one.Offset;
        ulong second = other.Region!.Start + (ulong)other.Offset;
        return first < second + (ulong)other.Bytes && second < first + (ulong)one.Bytes && one.Region.IsPartOfSame(other.Region);
    }

    internal void AddReference() => Interlocked.Increment(ref _references);

    internal void Release()
    {
        if (Interlocked.Decrement(ref _references) == 0) Close();
    }

    /// <summary>Whether both are parts of one piece of memory, in which <see cref="Start"/> counts.</summary>
    private protected abstract bool IsPartOfSame(SharedRegion other);

    private protected abstract void Close();
}
