using Gateway.Core.Execution;
using Gateway.Core.Memory;
using Gateway.OnnxRuntime.Errors;
using Gateway.OnnxRuntime.Memory;
using Gateway.OnnxRuntime.Sessions;

namespace Gateway.OnnxRuntime.Backend.Devices;

/// <summary>Memory on the host's side of a device: page-locked by its provider where that has such memory, else a block of the pool.</summary>
internal sealed unsafe class HostMemory : IDisposable
{
    private readonly OrtBuffer? _pinned;
    private readonly MemoryBlock? _block;
    private readonly int _bytes;

    private HostMemory(OrtBuffer? pinned, MemoryBlock? block, int bytes)
    {
        _pinned = pinned;
        _block = block;
        _bytes = bytes;
    }

    public nint Address => _pinned?.Data ?? (nint)_block!.Address;

    public Span<byte> Span => new((void*)Address, _bytes);

    /// <exception cref="ModelLoadException">The pool has no room left.</exception>
    public static HostMemory Allocate(OrtSession session, OrtMemoryInfo? pinned, BlockPool pool, int bytes, BlockOwner owner)
    {
        if (pinned is not null)
        {
            try
            {
                return new HostMemory(session.GetAllocator(pinned).Allocate((nuint)Math.Max(1, bytes)), null, bytes);
            }
            catch (OrtException)
            {
                // A provider without such an allocator, or at its limit: copies are then slower, and that is all.
            }
        }

        return new HostMemory(null, SlabSet.Rent(pool, bytes, owner), bytes);
    }

    public void Dispose()
    {
        _pinned?.Dispose();
        _block?.Release();
    }
}
