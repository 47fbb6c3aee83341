using Gateway.Core.Execution.Devices;
using Gateway.OnnxRuntime.Backend.Devices;
using Gateway.OnnxRuntime.Sessions;

namespace Gateway.OnnxRuntime.Backend;

/// <summary>A session of a model's, and what it works with; ended by the last to let go of it.</summary>
/// <remarks><b>Threading</b>: any. <b>Ownership</b>: whoever made it holds it first; each pipeline that runs on it holds it too, since another instance may have had it replaced meanwhile.</remarks>
/// <param name="Compiled">When it was compiled, for one that was made from what <c>gateway compile</c> left.</param>
internal sealed record LoadedSession(OrtSession Session, DeviceTraits? Traits, DateTime? Compiled)
{
    private int _holders = 1;

    /// <summary>Whether its device is lost, for all that run it.</summary>
    public DeviceLoss Loss { get; } = new();

    public void Hold() => Interlocked.Increment(ref _holders);

    public void LetGo()
    {
        if (Interlocked.Decrement(ref _holders) > 0) return;
        Traits.Guard(Session.Dispose);
        Traits?.Dispose();
    }
}
