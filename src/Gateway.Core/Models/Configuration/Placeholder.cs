namespace Gateway.Core.Models.Configuration;
public sealed record ModelConfig { public int MaxBatchSize {get; init;} public string Platform { get; init; } = ""; public string Backend { get; init; } = ""; }
