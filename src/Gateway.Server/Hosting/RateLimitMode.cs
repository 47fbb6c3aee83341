namespace Gateway.Server.Hosting;

/// <summary>By what instances wait for resources.</summary>
public enum RateLimitMode
{
    /// <summary>They do not: what configurations say of resources is not looked at.</summary>
    Off,

    /// <summary>Those go first that have had fewer batches, times their priority.</summary>
    ExecutionCount,
}
