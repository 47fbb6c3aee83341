namespace Gateway.OnnxRuntime.Backend.Compiled;

/// <summary>What came of compiling a model.</summary>
/// <param name="Record">Null when its answers were too far from the model's, so that it was not kept.</param>
/// <param name="Key">What it holds for.</param>
/// <param name="Differences">One for each output.</param>
/// <param name="Runs">What it was tried with.</param>
internal sealed record CompiledModel(CompiledRecord? Record, CompiledKey Key, IReadOnlyList<OutputDifference> Differences, int Runs);
