namespace Gateway.Compiling;

/// <summary>What <c>gateway compile</c> is asked for.</summary>
/// <param name="Version">Null for the highest.</param>
/// <param name="Provider">One of <see cref="Providers"/>.</param>
/// <param name="Inputs">A file: .npy, .npz, or JSON lines; null for made-up inputs.</param>
/// <param name="Tolerance">Null for what is allowed to each type.</param>
internal sealed record CompileOptions(string Model, long? Version, string Provider, string? Inputs, double? Tolerance)
{
    public const string ModelPrecision = "model";

    public static IReadOnlyList<string> Providers { get; } = ["cpu", "cuda", "webgpu"];
}
