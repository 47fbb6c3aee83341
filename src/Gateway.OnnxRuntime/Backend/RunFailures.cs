using Gateway.Core.Execution;
using Gateway.OnnxRuntime.Errors;
using Gateway.Protocol;

namespace Gateway.OnnxRuntime.Backend;

/// <summary>Tells what a failed run means.</summary>
/// <remarks>ONNX Runtime has no codes for it; the texts are those of 1.30.0, CUDA's own and Dawn's.</remarks>
internal static class RunFailures
{
    /// <summary>What a run says that was ended because the server stops.</summary>
    public const string CutShort = "The run was cut short";

    private static readonly string[] OutOfMemory =
    [
        "Failed to allocate memory for requested buffer", "out of memory", "ran out of memory", "is smaller than requested bytes of", "Failed to create GPU buffer", "bad_alloc",
        "CUBLAS_STATUS_ALLOC_FAILED", "CUDNN_STATUS_ALLOC_FAILED",
    ];

    private static readonly string[] DeviceLost =
    [
        "device lost", "device is lost", "WebGPU device lost", "DEVICE_LOST", "Failed to download data from buffer", "CUDA failure 46:", "CUDA failure 214:", "CUDA failure 220:",
        "CUDA failure 700:", "CUDA failure 702:", "CUDA failure 709:", "CUDA failure 710:", "CUDA failure 714:", "CUDA failure 715:", "CUDA failure 716:", "CUDA failure 717:",
        "CUDA failure 718:", "CUDA failure 719:", "CUDA failure 999:",
    ];

    public static ExecutionException Explain(OrtException error, bool isTerminated)
    {
        if (isTerminated) return new ExecutionException(CutShort, error);

        // Shapes and types were right, so what the model calls an invalid argument is the content of a tensor: bytes that are not UTF-8, an index out of range.
        StatusCode status = error.Code == OrtErrorCode.InvalidArgument ? StatusCode.InvalidArgument : StatusCode.Internal;
        return new ExecutionException($"onnx runtime error {(int)error.Code}: {error.Message}", error, status, KindOf(error.Message));
    }

    public static ExecutionFailure KindOf(string message)
    {
        // Lost first: a lost device may also say that nothing can be allocated on it.
        if (DeviceLost.Any(text => message.Contains(text, StringComparison.OrdinalIgnoreCase))) return ExecutionFailure.DeviceLost;
        return OutOfMemory.Any(text => message.Contains(text, StringComparison.OrdinalIgnoreCase)) ? ExecutionFailure.OutOfMemory : ExecutionFailure.Run;
    }
}
