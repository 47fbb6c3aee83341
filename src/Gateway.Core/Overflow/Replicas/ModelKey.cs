namespace Gateway.Core.Overflow.Replicas;

/// <summary>A model as a request names it.</summary>
/// <param name="Version">0 for the highest that is ready.</param>
public readonly record struct ModelKey(string Name, long Version);
