namespace Gateway.Core.Models.Configuration;
public sealed record ModelConfig { public required string Name { get; init; } public int MaxBatchSize {get; init;} }
