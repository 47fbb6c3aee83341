namespace Gateway.OnnxRuntime.Backend.Compiled;

/// <summary>What came of <see cref="ModelCompiler.Compile"/>.</summary>
/// <param name="File">Where it lies; null when its answers were too far from the model's, so that it was not kept.</param>
/// <param name="Bytes">Of the file, and of that of its weights if there is one.</param>
/// <param name="MadeOn">What it holds for, by name.</param>
/// <param name="Differences">One for each output.</param>
/// <param name="Runs">What it was compared on.</param>
public sealed record CompileReport(string? File, long Bytes, IReadOnlyList<(string Name, string Value)> MadeOn, IReadOnlyList<OutputDifference> Differences, int Runs);

/// <summary>What a compiled model saves, or costs: medians, of the model and of its compiled form in turns.</summary>
/// <param name="LoadSource">From the model's file to a session, its digest made beside that, as when it is served.</param>
/// <param name="LoadCompiled">Likewise, with the check that what was compiled fits and is whole.</param>
/// <param name="Runs">For one row and for as many as a batch may have, on one thread; empty when made-up inputs do not run.</param>
public sealed record CompileTimes(TimeSpan LoadSource, TimeSpan LoadCompiled, IReadOnlyList<RunTimes> Runs);

/// <summary>Run times of one batch size.</summary>
public sealed record RunTimes(int Rows, TimeSpan Source, TimeSpan Compiled);
