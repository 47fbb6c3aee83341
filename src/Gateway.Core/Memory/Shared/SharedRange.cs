using Gateway.Protocol;

namespace Gateway.Core.Memory.Shared;

/// <summary>Where in a registered region a tensor lies, or is to; within its bounds. The default value is nowhere.</summary>
/// <remarks><b>Ownership</b>: holds a reference on the region, which therefore outlives its being unregistered; <see cref="Release"/> gives it back, once for all copies.</remarks>
public readonly struct SharedRange
{
    internal SharedRange(SharedRegion region, long offset, long bytes)
    {
        Region = region;
        Offset = offset;
        Bytes = bytes;
    }

    internal SharedRegion? Region { get; }

    internal long Offset { get; }

    /// <summary>Bytes, as the client said.</summary>
    public long Bytes { get; }

    public bool IsSome => Region is not null;

    /// <summary>Copies an input of <see cref="Bytes"/> to where it is to lie.</summary>
    /// <exception cref="InferenceException">It is there no more: its object has become shorter, its device is lost.</exception>
    public void Read(Span<byte> to) => Region!.Read(Offset, to);

    /// <summary>Copies an output to where its client wants it.</summary>
    /// <exception cref="InferenceException">There is not enough room for it, or none any more.</exception>
    public void Write(ReadOnlySpan<byte> bytes, string output)
    {
        if (bytes.Length > Bytes)
        {
            throw new InferenceException(
                StatusCode.InvalidArgument, $"shared memory size specified with the request for output '{output}' ({Bytes} bytes) should be at least {bytes.Length} bytes to hold the results");
        }

        Region!.Write(Offset, bytes);
    }

    /// <summary>Whether both have bytes in common.</summary>
    public bool Overlaps(in SharedRange other) => IsSome && other.IsSome && SharedRegion.Overlap(this, other);

    public void Release() => Region?.Release();
}
