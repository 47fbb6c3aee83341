namespace Gateway.Core.Overflow.Replicas;

/// <summary>What a gateway thinks of a replica, over one transport, by what became of its requests there. The numbers are those of the metric.</summary>
public enum HealthState
{
    /// <summary>It gets all that is decided to be its.</summary>
    Healthy,

    /// <summary>It gets nothing for a time, nor until a warm-up has succeeded after that.</summary>
    Ejected,

    /// <summary>It gets one request, to see.</summary>
    HalfOpen,

    /// <summary>It gets a growing share.</summary>
    SlowStart,

    /// <summary>It gets nothing until a warm-up has succeeded: it is new, or was started anew, or has not reported for a time.</summary>
    Cold,
}
