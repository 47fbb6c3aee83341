namespace Gateway.Core.Overflow.Replicas;

/// <summary>What a gateway thinks of a replica by what became of its requests there.</summary>
public enum HealthState
{
    Healthy,

    /// <summary>It gets nothing for a time.</summary>
    Ejected,

    /// <summary>It gets one request, to see.</summary>
    HalfOpen,

    /// <summary>It gets a growing share.</summary>
    SlowStart,
}
