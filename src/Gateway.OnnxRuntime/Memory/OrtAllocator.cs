using Gateway.OnnxRuntime.Native;

namespace Gateway.OnnxRuntime.Memory;

/// <summary>Allocates memory of one kind: the library's ordinary memory, or a session's provider's own.</summary>
/// <remarks>
/// Threading: safe from any thread.
/// Ownership: part of its session, so there is nothing to dispose; what it allocated keeps the session alive natively.
/// </remarks>
public sealed unsafe class OrtAllocator
{
    /// <param name="native">Lives as long as <paramref name="session"/>.</param>
    /// <param name="session">Null for the library's own allocator, which lives as long as the process.</param>
    internal OrtAllocator(nint native, OrtHandle? session)
    {
        Native = native;
        Session = session;
    }

    /// <summary>Ordinary CPU memory, which every session can read and write.</summary>
    public static OrtAllocator Default { get; } = new(GetDefault(), null);

    internal nint Native { get; }

    internal OrtHandle? Session { get; }

    /// <summary>Allocates a block; what is in it is undefined.</summary>
    /// <param name="byteLength">Bytes, at least 1.</param>
    /// <exception cref="Errors.OrtException">There is not that much of this kind of memory.</exception>
    /// <exception cref="ObjectDisposedException">The session is disposed.</exception>
    public OrtBuffer Allocate(nuint byteLength)
    {
        ArgumentOutOfRangeException.ThrowIfZero(byteLength);
        ThrowIfDisposed();
        return new OrtBuffer(this, byteLength);
    }

    internal void ThrowIfDisposed()
    {
        if (Session != null) ObjectDisposedException.ThrowIf(Session.IsDisposed, this);
    }

    private static nint GetDefault()
    {
        nint native;
        OrtStatus.Check(OrtLibrary.Api->GetAllocatorWithDefaultOptions(&native));
        return native;
    }
}
