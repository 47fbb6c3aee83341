using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;

using Gateway.OnnxRuntime.Errors;

namespace Gateway.OnnxRuntime.Native;

/// <summary>Turns the status that an ONNX Runtime function returns into an exception, and releases it.</summary>
internal static unsafe class OrtStatus
{
    /// <summary>Takes ownership of the status.</summary>
    /// <exception cref="OrtException">The status is one of failure.</exception>
    public static void Check(nint status)
    {
        if (status != 0) Throw(status);
    }

    [DoesNotReturn]
    private static void Throw(nint status)
    {
        OrtErrorCode code = OrtLibrary.Api->GetErrorCode(status);
        string message = Marshal.PtrToStringUTF8((nint)OrtLibrary.Api->GetErrorMessage(status)) ?? "";
        OrtLibrary.Api->ReleaseStatus(status);
        throw new OrtException(code, message);
    }
}
