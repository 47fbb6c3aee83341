using System.Buffers;
using System.Runtime.InteropServices;

namespace Gateway.Client.Messages;

/// <summary>Reads elements whose type the caller does not know.</summary>
internal delegate ReadOnlySpan<byte> ReadElements(object source, int start, int count);

/// <summary>The two kinds of memory that elements lie in.</summary>
internal static class ElementReader<T>
    where T : unmanaged
{
    public static readonly ReadElements OfArray = static (source, start, count) => MemoryMarshal.AsBytes(((T[])source).AsSpan(start, count));

    public static readonly ReadElements OfManager = static (source, start, count) => MemoryMarshal.AsBytes(((MemoryManager<T>)source).GetSpan().Slice(start, count));
}
