using Gateway.OnnxRuntime.Native;

namespace Gateway.OnnxRuntime.Sessions;

/// <summary>Keeps weights that ONNX Runtime has rearranged for its kernels, so that sessions of one model share one copy.</summary>
/// <remarks>
/// Behaviour: ONNX Runtime shares only the initializers that each session was also given by value
/// (<see cref="OrtSessionOptions.AddInitializer"/>); of the others each session keeps its own.
/// Threading: sessions may be loaded with it from several threads.
/// Ownership: the caller disposes it; sessions keep it alive natively.
/// </remarks>
public sealed unsafe class OrtPrepackedWeights : IDisposable
{
    public OrtPrepackedWeights()
    {
        nint native;
        OrtStatus.Check(OrtLibrary.Api->CreatePrepackedWeightsContainer(&native));
        Handle = new OrtHandle(native, OrtLibrary.Api->ReleasePrepackedWeightsContainer);
    }

    internal OrtHandle Handle { get; }

    public void Dispose() => Handle.Dispose();
}
