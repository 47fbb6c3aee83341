using System.Runtime.InteropServices;
using Gateway.OnnxRuntime.Errors;

namespace Gateway.OnnxRuntime.Cuda;

/// <summary>The functions of NVIDIA's driver that queues of work on a device need, from the library that comes with the driver itself.</summary>
/// <remarks>Threading: any thread. Names, numbers and flags are those of the CUDA driver API; errors read as ONNX Runtime writes them: <c>CUDA failure 700: …</c>.</remarks>
internal static unsafe class CudaDriver
{
    // CU_STREAM_NON_BLOCKING: not ordered by what other libraries do on the default stream.
    public const uint NonBlockingStream = 1;

    // CU_EVENT_BLOCKING_SYNC: who waits sleeps, and does not take a core that the front door needs.
    public const uint SleepingEvent = 1;

    // CU_STREAM_CAPTURE_MODE_RELAXED.
    private const int RelaxedCapture = 2;

    private static readonly Lazy<Functions> Loaded = new(Load);
    private static readonly Dictionary<int, nint> Contexts = [];

    [ThreadStatic]
    private static bool _isRelaxed;

    public static Functions Api => Loaded.Value;

    /// <summary>Makes the device's own context, the one that ONNX Runtime uses too, the thread's.</summary>
    public static void Use(nint context)
    {
        Check(Api.CtxSetCurrent(context), "cuCtxSetCurrent");
        if (_isRelaxed) return;

        // While another session records a graph, which in ONNX Runtime forbids the whole process what might disturb that, this thread goes on: it works on streams of its own.
        int mode = RelaxedCapture;
        Check(Api.ThreadExchangeStreamCaptureMode(&mode), "cuThreadExchangeStreamCaptureMode");
        _isRelaxed = true;
    }

    /// <summary>The context of a device, kept for the life of the process.</summary>
    /// <exception cref="OrtException">There is no such device.</exception>
    public static nint Context(int device)
    {
        lock (Contexts)
        {
            if (Contexts.TryGetValue(device, out nint context)) return context;
            int handle;
            Check(Api.DeviceGet(&handle, device), "cuDeviceGet");
            Check(Api.DevicePrimaryCtxRetain(&context, handle), "cuDevicePrimaryCtxRetain");
            Contexts[device] = context;
            return context;
        }
    }

    /// <exception cref="OrtException">The code is not that of success.</exception>
    public static void Check(int code, string function)
    {
        if (code == 0) return;
        byte* text;
        string what = Api.GetErrorString(code, &text) == 0 ? Marshal.PtrToStringUTF8((nint)text)! : "unknown error";
        throw new OrtException(OrtErrorCode.EpFail, $"CUDA failure {code}: {what} ; {function}");
    }

    private static Functions Load()
    {
        string file = OperatingSystem.IsWindows() ? "nvcuda.dll" : "libcuda.so.1";
        if (!NativeLibrary.TryLoad(file, out nint library)) throw new OrtException(OrtErrorCode.EpFail, $"NVIDIA's driver is not there: {file} cannot be loaded");
        Functions api = new(library);
        int code = api.Init(0);
        return code == 0 ? api : throw new OrtException(OrtErrorCode.EpFail, $"CUDA failure {code}: NVIDIA's driver does not start ; cuInit");
    }

    internal sealed class Functions(nint library)
    {
        public readonly delegate* unmanaged<uint, int> Init = (delegate* unmanaged<uint, int>)NativeLibrary.GetExport(library, "cuInit");
        public readonly delegate* unmanaged<int, byte**, int> GetErrorString = (delegate* unmanaged<int, byte**, int>)NativeLibrary.GetExport(library, "cuGetErrorString");
        public readonly delegate* unmanaged<int*, int, int> DeviceGet = (delegate* unmanaged<int*, int, int>)NativeLibrary.GetExport(library, "cuDeviceGet");
        public readonly delegate* unmanaged<nint*, int, int> DevicePrimaryCtxRetain = (delegate* unmanaged<nint*, int, int>)NativeLibrary.GetExport(library, "cuDevicePrimaryCtxRetain");
        public readonly delegate* unmanaged<nint, int> CtxSetCurrent = (delegate* unmanaged<nint, int>)NativeLibrary.GetExport(library, "cuCtxSetCurrent");
        public readonly delegate* unmanaged<int*, int> ThreadExchangeStreamCaptureMode = (delegate* unmanaged<int*, int>)NativeLibrary.GetExport(library, "cuThreadExchangeStreamCaptureMode");
        public readonly delegate* unmanaged<nint*, uint, int> StreamCreate = (delegate* unmanaged<nint*, uint, int>)NativeLibrary.GetExport(library, "cuStreamCreate");
        public readonly delegate* unmanaged<nint, int> StreamDestroy = (delegate* unmanaged<nint, int>)NativeLibrary.GetExport(library, "cuStreamDestroy_v2");
        public readonly delegate* unmanaged<nint, int> StreamSynchronize = (delegate* unmanaged<nint, int>)NativeLibrary.GetExport(library, "cuStreamSynchronize");
        public readonly delegate* unmanaged<nint, nint, uint, int> StreamWaitEvent = (delegate* unmanaged<nint, nint, uint, int>)NativeLibrary.GetExport(library, "cuStreamWaitEvent");
        public readonly delegate* unmanaged<nint*, uint, int> EventCreate = (delegate* unmanaged<nint*, uint, int>)NativeLibrary.GetExport(library, "cuEventCreate");
        public readonly delegate* unmanaged<nint, int> EventDestroy = (delegate* unmanaged<nint, int>)NativeLibrary.GetExport(library, "cuEventDestroy_v2");
        public readonly delegate* unmanaged<nint, nint, int> EventRecord = (delegate* unmanaged<nint, nint, int>)NativeLibrary.GetExport(library, "cuEventRecord");
        public readonly delegate* unmanaged<nint, int> EventSynchronize = (delegate* unmanaged<nint, int>)NativeLibrary.GetExport(library, "cuEventSynchronize");
        public readonly delegate* unmanaged<float*, nint, nint, int> EventElapsedTime = (delegate* unmanaged<float*, nint, nint, int>)NativeLibrary.GetExport(library, "cuEventElapsedTime");
        public readonly delegate* unmanaged<nint, nint, nuint, nint, int> CopyToDevice = (delegate* unmanaged<nint, nint, nuint, nint, int>)NativeLibrary.GetExport(library, "cuMemcpyHtoDAsync_v2");
        public readonly delegate* unmanaged<nint, nint, nuint, nint, int> CopyToHost = (delegate* unmanaged<nint, nint, nuint, nint, int>)NativeLibrary.GetExport(library, "cuMemcpyDtoHAsync_v2");
    }
}
