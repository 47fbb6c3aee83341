using System.Buffers.Binary;
using Gateway.Core.Memory.Shared.Cuda;

namespace Gateway.UnitTests.Memory.Shared.Cuda;

/// <summary>A CUDA driver whose devices' memory lies in a dictionary. It refuses what the real one refuses, and knows what it has not been given back.</summary>
internal sealed class FakeCudaDriver : ICudaDriver
{
    private const int Devices = 2;
    private const ulong Magic = 0x0DDC_0FFE_E0DD_F00D;

    private readonly Lock _lock = new();
    private readonly Dictionary<ulong, byte[]> _memory = [];
    private readonly Dictionary<ulong, int> _open = [];
    private readonly Dictionary<int, Stack<nint>> _current = [];
    private readonly int[] _contexts = new int[Devices];
    private ulong _next = 0x7000_0000_0000;

    /// <summary>The function that fails, as a device does that is lost; null for none.</summary>
    public string? Failing { get; set; }

    /// <summary>Handles that are open.</summary>
    public int Open
    {
        get
        {
            lock (_lock) return _open.Values.Sum();
        }
    }

    /// <summary>What another process does to share memory.</summary>
    /// <returns>Its handle.</returns>
    public byte[] Allocate(byte[] bytes)
    {
        lock (_lock)
        {
            byte[] handle = new byte[CudaRegion.HandleBytes];
            BinaryPrimitives.WriteUInt64LittleEndian(handle, Magic);
            BinaryPrimitives.WriteUInt64LittleEndian(handle.AsSpan(8), _next);
            _memory.Add(_next, bytes);
            _next += 1 << 21;
            return handle;
        }
    }

    /// <summary>The context that is the calling thread's; 0 for none.</summary>
    public nint Current()
    {
        lock (_lock) return Stack().TryPeek(out nint context) ? context : 0;
    }

    public void AssertAllBack()
    {
        lock (_lock)
        {
            Assert.Empty(_open);
            Assert.Equal([0, 0], _contexts);
            Assert.DoesNotContain(_current.Values, stack => stack.Count > 0);
        }
    }

    public int GetDevice(int ordinal)
    {
        lock (_lock) return Step("cuDeviceGet", ordinal is >= 0 and < Devices, "CUDA_ERROR_INVALID_DEVICE", () => ordinal);
    }

    public nint RetainContext(int device)
    {
        lock (_lock)
        {
            return Step("cuDevicePrimaryCtxRetain", true, "", () =>
            {
                _contexts[device]++;
                return device + 1;
            });
        }
    }

    public void ReleaseContext(int device)
    {
        lock (_lock) Step("cuDevicePrimaryCtxRelease", _contexts[device] > 0, "CUDA_ERROR_INVALID_CONTEXT", () => --_contexts[device]);
    }

    public void PushContext(nint context)
    {
        lock (_lock)
        {
            Step("cuCtxPushCurrent", _contexts[context - 1] > 0, "CUDA_ERROR_INVALID_CONTEXT", () =>
            {
                Stack().Push(context);
                return 0;
            });
        }
    }

    public void PopContext()
    {
        lock (_lock) Step("cuCtxPopCurrent", Stack().Count > 0, "CUDA_ERROR_INVALID_CONTEXT", () => Stack().Pop());
    }

    public ulong OpenHandle(ReadOnlySpan<byte> handle)
    {
        bool isOne = BinaryPrimitives.ReadUInt64LittleEndian(handle) == Magic;
        ulong address = BinaryPrimitives.ReadUInt64LittleEndian(handle[8..]);
        lock (_lock)
        {
            return InContext("failed to open CUDA IPC handle", isOne && _memory.ContainsKey(address), () =>
            {
                _open[address] = _open.GetValueOrDefault(address) + 1;
                return address;
            });
        }
    }

    public void CloseHandle(ulong address)
    {
        lock (_lock)
        {
            InContext("cuIpcCloseMemHandle", _open.ContainsKey(address), () =>
            {
                if (--_open[address] == 0) _open.Remove(address);
                return 0;
            });
        }
    }

    public ulong BytesFrom(ulong address)
    {
        lock (_lock) return InContext("cuMemGetAddressRange", _open.ContainsKey(address), () => (ulong)_memory[address].Length);
    }

    public void CopyToHost(ulong from, Span<byte> to)
    {
        lock (_lock) Range("cuMemcpyDtoH", from, to.Length).CopyTo(to);
    }

    public void CopyToDevice(ReadOnlySpan<byte> from, ulong to)
    {
        lock (_lock) from.CopyTo(Range("cuMemcpyHtoD", to, from.Length));
    }

    private Span<byte> Range(string what, ulong address, int bytes)
    {
        (ulong start, byte[] memory) = _memory.FirstOrDefault(each => _open.ContainsKey(each.Key) && address >= each.Key && address + (ulong)bytes <= each.Key + (ulong)each.Value.Length);
        InContext(what, memory is not null, () => 0);
        return memory.AsSpan((int)(address - start), bytes);
    }

    private T InContext<T>(string what, bool isValid, Func<T> act)
    {
        bool isCurrent = Stack().TryPeek(out nint context) && _contexts[context - 1] > 0;
        return Step(what, isCurrent && isValid, isCurrent ? "CUDA_ERROR_INVALID_VALUE" : "CUDA_ERROR_INVALID_CONTEXT", act);
    }

    private T Step<T>(string what, bool isValid, string error, Func<T> act)
    {
        if (Failing == what) throw new CudaException(what, "CUDA_ERROR_DEVICE_UNAVAILABLE");
        return isValid ? act() : throw new CudaException(what, error);
    }

    private Stack<nint> Stack()
    {
        if (!_current.TryGetValue(Environment.CurrentManagedThreadId, out Stack<nint>? stack)) _current.Add(Environment.CurrentManagedThreadId, stack = new Stack<nint>());
        return stack;
    }
}
