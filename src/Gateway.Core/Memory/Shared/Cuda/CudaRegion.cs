using Gateway.Protocol;

namespace Gateway.Core.Memory.Shared.Cuda;

/// <summary>Memory of a CUDA device that a client has allocated and registered.</summary>
/// <remarks>
/// <b>Behaviour</b>: the device's primary context is current only while a call here runs, whatever the thread had before; the region holds it, and the last region of a device gives it back.
/// A device that is lost fails the requests that need it. <b>Cost</b>: one copy between the device and where the tensor lies, which the calling thread waits for; no allocation.
/// </remarks>
public sealed class CudaRegion : SharedRegion
{
    /// <summary>Of a <c>cudaIpcMemHandle_t</c>.</summary>
    public const int HandleBytes = 64;

    private readonly ICudaDriver _driver;
    private readonly int _device;
    private readonly nint _context;

    private CudaRegion(string name, long deviceId, long bytes, ICudaDriver driver, int device, nint context, ulong address)
        : base(name, bytes)
    {
        DeviceId = deviceId;
        _driver = driver;
        _device = device;
        _context = context;
        Start = address;
    }

    /// <summary>As the client gave it.</summary>
    public long DeviceId { get; }

    private protected override ulong Start { get; }

    /// <summary>Opens the memory that a handle names; whether it has so many bytes is not looked at.</summary>
    /// <exception cref="CudaException">It cannot be opened.</exception>
    internal static CudaRegion Open(ICudaDriver driver, string name, ReadOnlySpan<byte> handle, long deviceId, long bytes)
    {
        // What is no number of the driver's is no device either.
        int device = driver.GetDevice((int)Math.Clamp(deviceId, -1, int.MaxValue));
        nint context = driver.RetainContext(device);
        try
        {
            using CudaScope current = new(driver, context);
            return new CudaRegion(name, deviceId, bytes, driver, device, context, driver.OpenHandle(handle));
        }
        catch
        {
            driver.ReleaseContext(device);
            throw;
        }
    }

    /// <summary>Whether the memory has as many bytes as the region.</summary>
    /// <exception cref="CudaException">The driver does not say.</exception>
    internal bool IsWithin()
    {
        using CudaScope current = new(_driver, _context);
        return (ulong)Bytes <= _driver.BytesFrom(Start);
    }

    internal override void Read(long offset, Span<byte> to)
    {
        try
        {
            using CudaScope current = new(_driver, _context);
            _driver.CopyToHost(Start + (ulong)offset, to);
        }
        catch (CudaException error)
        {
            throw Failed("read", error);
        }
    }

    internal override void Write(long offset, ReadOnlySpan<byte> bytes)
    {
        try
        {
            using CudaScope current = new(_driver, _context);
            _driver.CopyToDevice(bytes, Start + (ulong)offset);
        }
        catch (CudaException error)
        {
            throw Failed("written", error);
        }
    }

    // Addresses are the process's own, over all its devices.
    private protected override bool IsPartOfSame(SharedRegion other) => other is CudaRegion;

    private protected override void Close()
    {
        // A device that is lost has no memory to give back; its context is given back all the same.
        try
        {
            using CudaScope current = new(_driver, _context);
            _driver.CloseHandle(Start);
        }
        catch (CudaException)
        {
        }

        try
        {
            _driver.ReleaseContext(_device);
        }
        catch (CudaException)
        {
        }
    }

    private InferenceException Failed(string action, CudaException error) =>
        new(StatusCode.Internal, $"CUDA shared memory region '{Name}' could not be {action}: {error.Message}", error);
}
