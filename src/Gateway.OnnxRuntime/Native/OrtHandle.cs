using System.Runtime.InteropServices;

namespace Gateway.OnnxRuntime.Native;

/// <summary>Owns one native object, and keeps what it depends on alive until it is released.</summary>
/// <remarks>
/// Behaviour: an owner disposed first is released only when the last object that needs it is. Use after disposal throws
/// <see cref="ObjectDisposedException"/> at <see cref="Use"/>.
/// Threading: disposal waits for nobody; an object in use on another thread is released when that use ends.
/// </remarks>
internal sealed unsafe class OrtHandle : SafeHandle
{
    private readonly delegate* unmanaged<nint, void> _release;
    private readonly OrtHandle?[] _owners;
    private readonly List<(nint Native, nint Release)> _parts = [];
    private int _ownersHeld;
    private volatile bool _disposed;

    /// <param name="native">Takes ownership, also when this constructor throws.</param>
    /// <param name="release">The function that releases it; null for what the library itself owns.</param>
    /// <param name="owners">Kept alive for as long as this.</param>
    public OrtHandle(nint native, delegate* unmanaged<nint, void> release, params OrtHandle?[] owners)
        : base(0, ownsHandle: true)
    {
        SetHandle(native);
        _release = release;
        _owners = owners;
        foreach (OrtHandle? owner in owners)
        {
            bool held = false;
            owner?.DangerousAddRef(ref held);
            _ownersHeld++;
        }
    }

    public override bool IsInvalid => handle == 0;

    /// <summary>Whether its own user disposed it; what depends on it may still keep it from being released.</summary>
    public bool IsDisposed => _disposed;

    /// <summary>The native object, kept from being released until the result is disposed.</summary>
    /// <exception cref="ObjectDisposedException">It has been disposed.</exception>
    public Lease Use() => new(this);

    /// <summary>Gives this an object to release just before itself. Threading: one caller at a time, with this in use.</summary>
    public void AddPart(nint native, delegate* unmanaged<nint, void> release) => _parts.Add((native, (nint)release));

    protected override void Dispose(bool disposing)
    {
        _disposed = true;
        base.Dispose(disposing);
    }

    protected override bool ReleaseHandle()
    {
        foreach ((nint native, nint release) in _parts) ((delegate* unmanaged<nint, void>)release)(native);
        if (_release != null) _release(handle);
        while (_ownersHeld > 0) _owners[--_ownersHeld]?.DangerousRelease();
        return true;
    }

    /// <summary>One use of a native object, to be ended by disposing; a value on the stack, never copied.</summary>
    public readonly ref struct Lease
    {
        private readonly OrtHandle _handle;

        internal Lease(OrtHandle handle)
        {
            // The base class refuses only what has been released, which something that depends on this may have put off.
            ObjectDisposedException.ThrowIf(handle._disposed, handle);
            bool held = false;
            handle.DangerousAddRef(ref held);
            _handle = handle;
            Native = handle.handle;
        }

        public nint Native { get; }

        public void Dispose() => _handle.DangerousRelease();
    }
}
