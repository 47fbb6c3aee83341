namespace Gateway.Precompute;

/// <summary>What <c>gateway precompute</c> is asked for.</summary>
/// <param name="Version">Null for the highest.</param>
/// <param name="Inputs">A file: .npy, .npz, or JSON lines.</param>
/// <param name="Server">Where a gateway serves HTTP.</param>
/// <param name="Concurrency">Requests under way at any time, 1 to 4096.</param>
internal sealed record PrecomputeOptions(string Model, string? Version, string Inputs, Uri Server, int Concurrency)
{
    // Four full batches of most models: while one runs, the next ones form.
    public const int DefaultConcurrency = 128;
    public const int MostConcurrency = 4096;
}
