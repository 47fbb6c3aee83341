using Gateway.OnnxRuntime.Native;

namespace Gateway.OnnxRuntime.Cuda;

/// <summary>A queue of work on a CUDA device: what is put on it is done in order, later, beside what is on other queues.</summary>
/// <remarks>Threading: any thread that <see cref="CudaDriver.Use"/>s its context. Ownership: the caller disposes it; a session that runs on it keeps it alive natively.</remarks>
internal sealed unsafe class CudaStream : IDisposable
{
    /// <exception cref="Errors.OrtException">The device failed.</exception>
    public CudaStream(nint context)
    {
        CudaDriver.Use(context);
        nint native;
        CudaDriver.Check(CudaDriver.Api.StreamCreate(&native, CudaDriver.NonBlockingStream), "cuStreamCreate");
        Handle = new OrtHandle(native, (delegate* unmanaged<nint, void>)CudaDriver.Api.StreamDestroy);
        Native = native;
    }

    public nint Native { get; }

    public OrtHandle Handle { get; }

    public void CopyToDevice(nint device, nint host, nuint bytes) => CudaDriver.Check(CudaDriver.Api.CopyToDevice(device, host, bytes, Native), "cuMemcpyHtoDAsync");

    public void CopyToHost(nint host, nint device, nuint bytes) => CudaDriver.Check(CudaDriver.Api.CopyToHost(host, device, bytes, Native), "cuMemcpyDtoHAsync");

    /// <summary>What comes next waits for <paramref name="mark"/>.</summary>
    public void WaitFor(CudaEvent mark) => CudaDriver.Check(CudaDriver.Api.StreamWaitEvent(Native, mark.Native, 0), "cuStreamWaitEvent");

    /// <summary>Waits until all of it is done, or the device says that it failed.</summary>
    public void Synchronize() => CudaDriver.Check(CudaDriver.Api.StreamSynchronize(Native), "cuStreamSynchronize");

    public void Dispose() => Handle.Dispose();
}
