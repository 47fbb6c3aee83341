namespace Gateway.OnnxRuntime.Environments;

/// <summary>Errors of a WebGPU device, which ONNX Runtime puts into its log and not into the status of the run that had them.</summary>
/// <remarks><b>Threading</b>: any. Who wants to know whether a run had one compares the count before and after it.</remarks>
internal static class OrtDeviceErrors
{
    private static long _count;
    private static string _last = "";

    public static long Count => Volatile.Read(ref _count);

    public static string Last => Volatile.Read(ref _last);

    public static void Look(string message)
    {
        if (!message.StartsWith("WebGPU device error", StringComparison.Ordinal) && !message.StartsWith("WebGPU device lost", StringComparison.Ordinal)) return;
        Volatile.Write(ref _last, message);
        Interlocked.Increment(ref _count);
    }
}
