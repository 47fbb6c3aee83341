using Gateway.OnnxRuntime.Native;

namespace Gateway.OnnxRuntime.Memory;

/// <summary>Allocates memory of one kind: the library's ordinary memory, or a session's provider's own.</summary>
/// <remarks>
/// Threading: safe from any thread. Ownership: what it allocated, and a session's allocator itself, keep the session alive natively
/// until they are disposed. <see cref="Default"/> is never disposed.
/// </remarks>
public sealed unsafe class OrtAllocator : IDisposable
{
    internal OrtAllocator(OrtHandle handle) => Handle = handle;

    /// <summary>Ordinary CPU memory, which every session can read and write.</summary>
    public static OrtAllocator Default { get; } = new(GetDefault());

    internal OrtHandle Handle { get; }

    /// <summary>Allocates a block; what is in it is undefined.</summary>
    /// <param name="byteLength">Bytes, at least 1.</param>
    /// <exception cref="Errors.OrtException">There is not that much of this kind of memory.</exception>
    public OrtBuffer Allocate(nuint byteLength)
    {
        ArgumentOutOfRangeException.ThrowIfZero(byteLength);
        return new OrtBuffer(Handle, byteLength);
    }

    public void Dispose()
    {
        if (!ReferenceEquals(this, Default)) Handle.Dispose();
    }

    private static OrtHandle GetDefault()
    {
        nint native;
        OrtStatus.Check(OrtLibrary.Api->GetAllocatorWithDefaultOptions(&native));
        return new OrtHandle(native, null);
    }
}
