using System.Runtime.InteropServices;

namespace Gateway.Core.Memory.Shared.Cuda;

/// <summary>The CUDA driver's library, as the driver brings it; loaded when it is first wanted, and nothing where it is not.</summary>
/// <remarks>Only what regions need, by the names that the library exports (they keep their meaning when a function changes and gets a new one).</remarks>
public sealed unsafe class CudaDriver : ICudaDriver
{
    // CU_IPC_MEM_LAZY_ENABLE_PEER_ACCESS.
    private const uint EnablePeerAccess = 1;

    // CU_STREAM_CAPTURE_MODE_RELAXED.
    private const int RelaxedCapture = 2;

    [ThreadStatic]
    private static bool _isRelaxed;

    private readonly delegate* unmanaged<int, byte**, int> _getErrorName;
    private readonly delegate* unmanaged<int*, int, int> _getDevice;
    private readonly delegate* unmanaged<nint*, int, int> _retainContext;
    private readonly delegate* unmanaged<int, int> _releaseContext;
    private readonly delegate* unmanaged<nint, int> _pushContext;
    private readonly delegate* unmanaged<nint*, int> _popContext;
    private readonly delegate* unmanaged<int*, int> _exchangeCaptureMode;
    private readonly delegate* unmanaged<ulong*, IpcHandle, uint, int> _openHandle;
    private readonly delegate* unmanaged<ulong, int> _closeHandle;
    private readonly delegate* unmanaged<ulong*, nuint*, ulong, int> _getRange;
    private readonly delegate* unmanaged<void*, ulong, nuint, int> _copyToHost;
    private readonly delegate* unmanaged<ulong, void*, nuint, int> _copyToDevice;
    private readonly delegate* unmanaged<nint, int> _synchronize;

    private CudaDriver(nint library)
    {
        _getErrorName = (delegate* unmanaged<int, byte**, int>)NativeLibrary.GetExport(library, "cuGetErrorName");
        _getDevice = (delegate* unmanaged<int*, int, int>)NativeLibrary.GetExport(library, "cuDeviceGet");
        _retainContext = (delegate* unmanaged<nint*, int, int>)NativeLibrary.GetExport(library, "cuDevicePrimaryCtxRetain");
        _releaseContext = (delegate* unmanaged<int, int>)NativeLibrary.GetExport(library, "cuDevicePrimaryCtxRelease_v2");
        _pushContext = (delegate* unmanaged<nint, int>)NativeLibrary.GetExport(library, "cuCtxPushCurrent_v2");
        _popContext = (delegate* unmanaged<nint*, int>)NativeLibrary.GetExport(library, "cuCtxPopCurrent_v2");
        _exchangeCaptureMode = (delegate* unmanaged<int*, int>)NativeLibrary.GetExport(library, "cuThreadExchangeStreamCaptureMode");
        _openHandle = (delegate* unmanaged<ulong*, IpcHandle, uint, int>)NativeLibrary.GetExport(library, "cuIpcOpenMemHandle_v2");
        _closeHandle = (delegate* unmanaged<ulong, int>)NativeLibrary.GetExport(library, "cuIpcCloseMemHandle");
        _getRange = (delegate* unmanaged<ulong*, nuint*, ulong, int>)NativeLibrary.GetExport(library, "cuMemGetAddressRange_v2");
        _copyToHost = (delegate* unmanaged<void*, ulong, nuint, int>)NativeLibrary.GetExport(library, "cuMemcpyDtoH_v2");
        _copyToDevice = (delegate* unmanaged<ulong, void*, nuint, int>)NativeLibrary.GetExport(library, "cuMemcpyHtoD_v2");
        _synchronize = (delegate* unmanaged<nint, int>)NativeLibrary.GetExport(library, "cuStreamSynchronize");
    }

    /// <summary>Loads the library and starts it.</summary>
    /// <returns>Null where there is none, or no device that it can talk to.</returns>
    public static CudaDriver? TryLoad() => TryLoad("libcuda.so.1");

    /// <param name="name">File name, looked for as the system looks for libraries.</param>
    internal static CudaDriver? TryLoad(string name)
    {
        if (!NativeLibrary.TryLoad(name, out nint library)) return null;
        try
        {
            var start = (delegate* unmanaged<uint, int>)NativeLibrary.GetExport(library, "cuInit");
            CudaDriver driver = new(library);
            return start(0) == 0 ? driver : null;
        }
        catch (EntryPointNotFoundException)
        {
            // Another library, or a driver from before all this.
            return null;
        }
    }

    public int GetDevice(int ordinal)
    {
        int device;
        Check(_getDevice(&device, ordinal), "cuDeviceGet");
        return device;
    }

    public nint RetainContext(int device)
    {
        nint context;
        Check(_retainContext(&context, device), "cuDevicePrimaryCtxRetain");
        return context;
    }

    public void ReleaseContext(int device) => Check(_releaseContext(device), "cuDevicePrimaryCtxRelease");

    public void PushContext(nint context)
    {
        Relax();
        Check(_pushContext(context), "cuCtxPushCurrent");
    }

    public void PopContext()
    {
        nint context;
        Check(_popContext(&context), "cuCtxPopCurrent");
    }

    public ulong OpenHandle(ReadOnlySpan<byte> handle)
    {
        ulong address;
        Check(_openHandle(&address, MemoryMarshal.Read<IpcHandle>(handle), EnablePeerAccess), "failed to open CUDA IPC handle");
        return address;
    }

    public void CloseHandle(ulong address) => Check(_closeHandle(address), "cuIpcCloseMemHandle");

    public ulong BytesFrom(ulong address)
    {
        ulong start;
        nuint bytes;
        Check(_getRange(&start, &bytes, address), "cuMemGetAddressRange");
        return start + bytes - address;
    }

    public void CopyToHost(ulong from, Span<byte> to)
    {
        fixed (byte* bytes = to) Check(_copyToHost(bytes, from, (nuint)to.Length), "cuMemcpyDtoH");
    }

    public void CopyToDevice(ReadOnlySpan<byte> from, ulong to)
    {
        fixed (byte* bytes = from) Check(_copyToDevice(to, bytes, (nuint)from.Length), "cuMemcpyHtoD");

        // From memory that is not page-locked a copy returns once the driver has the bytes; another process must find them in their place.
        Check(_synchronize(0), "cuStreamSynchronize");
    }

    /// <summary>While a session of ONNX Runtime's records a graph, which forbids the whole process what might disturb that, this thread goes on: the recording is of streams that do not wait for its copies.</summary>
    private void Relax()
    {
        if (_isRelaxed) return;
        int mode = RelaxedCapture;
        Check(_exchangeCaptureMode(&mode), "cuThreadExchangeStreamCaptureMode");
        _isRelaxed = true;
    }

    private void Check(int result, string what)
    {
        if (result == 0) return;
        byte* name;
        throw new CudaException(what, _getErrorName(result, &name) == 0 ? Marshal.PtrToStringUTF8((nint)name)! : $"error {result}");
    }

    /// <summary><c>CUipcMemHandle</c>, which is passed by value.</summary>
    private struct IpcHandle
    {
#pragma warning disable CS0169, IDE0051 // Read by the library.
        private fixed byte _reserved[CudaRegion.HandleBytes];
#pragma warning restore CS0169, IDE0051
    }
}
