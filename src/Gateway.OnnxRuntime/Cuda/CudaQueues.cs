using System.Globalization;
using Gateway.OnnxRuntime.Sessions;

namespace Gateway.OnnxRuntime.Cuda;

/// <summary>The three queues of a session on a CUDA device: rows there, the model, outputs back. Each goes on beside the others.</summary>
/// <remarks>Threading: any; <see cref="Use"/> first. Ownership: the caller disposes it after the session was loaded with it, whenever it likes: the session keeps what it needs.</remarks>
internal sealed class CudaQueues : IDisposable
{
    private readonly nint _context;

    /// <exception cref="Errors.OrtException">There is no such device, or it failed.</exception>
    public CudaQueues(int device)
    {
        _context = CudaDriver.Context(device);
        Uploads = new CudaStream(_context);
        Runs = new CudaStream(_context);
        Downloads = new CudaStream(_context);
    }

    public CudaStream Uploads { get; }

    public CudaStream Runs { get; }

    public CudaStream Downloads { get; }

    /// <summary>Makes the device the calling thread's.</summary>
    public void Use() => CudaDriver.Use(_context);

    /// <summary>What has a provider of this device run on <see cref="Runs"/>.</summary>
    public IReadOnlyDictionary<string, string> Settings => new Dictionary<string, string>
    {
        ["has_user_compute_stream"] = "1",
        ["user_compute_stream"] = Runs.Native.ToString(CultureInfo.InvariantCulture),
    };

    /// <summary>Has a session loaded with these options keep the queues alive.</summary>
    public void KeepBy(OrtSessionOptions options) => options.Keep(Runs.Handle);

    /// <summary>Waits until nothing is under way.</summary>
    public void Synchronize()
    {
        Use();
        Uploads.Synchronize();
        Runs.Synchronize();
        Downloads.Synchronize();
    }

    public void Dispose()
    {
        Uploads.Dispose();
        Runs.Dispose();
        Downloads.Dispose();
    }
}
