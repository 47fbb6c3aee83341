namespace Gateway.OnnxRuntime.Backend.Compiled;

/// <summary>What is written beside a compiled model.</summary>
/// <param name="File">Its name in the version's folder.</param>
/// <param name="Weights">Name of the file with its weights; null where they are in the same.</param>
/// <param name="Bytes">Of both.</param>
/// <param name="Digest">Of both.</param>
/// <param name="Made">When.</param>
/// <param name="Tolerance">The difference that was allowed; null for that of each type.</param>
/// <param name="For">What it holds for.</param>
internal sealed record CompiledRecord(string File, string? Weights, long Bytes, string Digest, DateTime Made, double? Tolerance, CompiledKey For);
