namespace Gateway.Core.Execution;

/// <summary>What kind of failure a run's was, as far as it matters for what comes next.</summary>
public enum ExecutionFailure
{
    /// <summary>This batch's own: the next one may succeed on the same instance.</summary>
    Run = 0,

    /// <summary>The device had not enough memory for a batch of this size; a smaller one may run.</summary>
    OutOfMemory,

    /// <summary>The device, or what the instance has on it, is gone: nothing will run on this instance again.</summary>
    DeviceLost,

    /// <summary>Likewise, but that was known before: this run did not begin.</summary>
    DeviceAway,

    /// <summary>Not of any row's doing, and soon over or not: no part of the batch would fare better, so it is not run again in parts.</summary>
    WholeBatch,
}
