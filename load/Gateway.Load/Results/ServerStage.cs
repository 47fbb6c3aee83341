namespace Gateway.Load.Results;

/// <param name="Name">queue, input, infer, output.</param>
/// <param name="Milliseconds">A request's time in it, on the average.</param>
internal sealed record ServerStage(string Name, double Milliseconds);
