namespace Gateway.Core.Models.Configuration;
public sealed record ModelConfig { public int MaxBatchSize {get; init;} }
