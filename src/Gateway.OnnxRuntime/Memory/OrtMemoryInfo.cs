using Gateway.OnnxRuntime.Native;

namespace Gateway.OnnxRuntime.Memory;

/// <summary>Names a kind of memory: the CPU's, a device's, or CPU memory that a device reads directly.</summary>
/// <remarks>
/// Threading: immutable.
/// Ownership: the caller disposes it; what was made with it keeps a copy, but for a binding's outputs. <see cref="Cpu"/> is never disposed.
/// </remarks>
public sealed unsafe class OrtMemoryInfo : IDisposable
{
    // OrtAllocatorType and OrtMemType of the C header.
    private const int DeviceAllocator = 0;
    private const int CpuOutput = -1;
    private const int DeviceDefault = 0;

    private OrtMemoryInfo(string name, int deviceId, int memoryType)
    {
        using var text = new NativeText(name, stackalloc byte[NativeText.StackBytes]);
        nint native;
        OrtStatus.Check(OrtLibrary.Api->CreateMemoryInfo(text.Pointer, DeviceAllocator, deviceId, memoryType, &native));
        Handle = new OrtHandle(native, OrtLibrary.Api->ReleaseMemoryInfo);
        Name = name;
        DeviceId = deviceId;
    }

    /// <summary>Ordinary memory, which <c>NativeMemory</c> or a pinned array also is.</summary>
    public static OrtMemoryInfo Cpu { get; } = new("Cpu", 0, DeviceDefault);

    /// <summary>ONNX Runtime's name of the kind, such as <c>CudaPinned</c>.</summary>
    public string Name { get; }

    /// <summary>Which of the devices of that kind, from 0.</summary>
    public int DeviceId { get; }

    internal OrtHandle Handle { get; }

    /// <summary>Memory on a CUDA device; CUDA and TensorRT sessions have it.</summary>
    public static OrtMemoryInfo Cuda(int deviceId = 0) => new("Cuda", deviceId, DeviceDefault);

    /// <summary>CPU memory, page-locked for a CUDA device, which copies to and from it without staging.</summary>
    public static OrtMemoryInfo CudaPinned(int deviceId = 0) => new("CudaPinned", deviceId, CpuOutput);

    /// <summary>A WebGPU buffer: what is allocated in it is a handle, not an address to read.</summary>
    public static OrtMemoryInfo WebGpu() => new("WebGPU_Buffer", 0, DeviceDefault);

    public void Dispose()
    {
        if (!ReferenceEquals(this, Cpu)) Handle.Dispose();
    }

    public override string ToString() => $"{Name}:{DeviceId}";
}
