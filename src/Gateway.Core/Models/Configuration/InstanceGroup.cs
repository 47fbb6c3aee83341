namespace Gateway.Core.Models.Configuration;

/// <summary>A number of instances of one model on one kind of device.</summary>
public sealed record InstanceGroup
{
    /// <summary>Shown in logs and metrics; completion names an unnamed group <c>{model}_{index}</c>.</summary>
    public string Name { get; init; } = "";

    public InstanceKind Kind { get; init; }

    /// <summary>Instances on the CPU, or on each GPU; 0 leaves the number to the engine.</summary>
    public int Count { get; init; }

    /// <summary>GPU numbers; empty is every GPU there is.</summary>
    public IReadOnlyList<int> Gpus { get; init; } = [];

    /// <summary>What its batches wait for beside an instance; null for nothing.</summary>
    public InstanceRateLimiter? RateLimiter { get; init; }
}

/// <summary>The kind of device an instance runs on.</summary>
public enum InstanceKind
{
    /// <summary>A GPU when all that are named are there, else the CPU.</summary>
    Auto = 0,
    Gpu = 1,
    Cpu = 2,
}
