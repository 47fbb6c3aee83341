namespace Gateway.OnnxRuntime.Cuda;

/// <summary>A mark in a queue of work: others wait until the device has come to it, and two of them say how long it took from one to the other.</summary>
/// <remarks>Threading: one thread at a time. Ownership: the caller disposes it.</remarks>
internal sealed unsafe class CudaEvent : IDisposable
{
    private bool _isDisposed;

    /// <remarks>The thread has the context in use.</remarks>
    public CudaEvent()
    {
        nint native;
        CudaDriver.Check(CudaDriver.Api.EventCreate(&native, CudaDriver.SleepingEvent), "cuEventCreate");
        Native = native;
    }

    public nint Native { get; }

    public void Record(CudaStream stream) => CudaDriver.Check(CudaDriver.Api.EventRecord(Native, stream.Native), "cuEventRecord");

    /// <summary>Sleeps until the device has come to it.</summary>
    public void Wait() => CudaDriver.Check(CudaDriver.Api.EventSynchronize(Native), "cuEventSynchronize");

    /// <summary>What the device took from the other to this one; both have been waited for.</summary>
    public TimeSpan Since(CudaEvent earlier)
    {
        float milliseconds;
        CudaDriver.Check(CudaDriver.Api.EventElapsedTime(&milliseconds, earlier.Native, Native), "cuEventElapsedTime");
        return TimeSpan.FromMilliseconds(milliseconds);
    }

    public void Dispose()
    {
        if (_isDisposed) return;
        _isDisposed = true;

        // What it says of a device that is lost is of no use here.
        _ = CudaDriver.Api.EventDestroy(Native);
    }
}
