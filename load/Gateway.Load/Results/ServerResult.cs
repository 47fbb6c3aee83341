namespace Gateway.Load.Results;

/// <summary>What the server's own metrics say of the time that counts.</summary>
/// <param name="Url">Where they were read.</param>
/// <param name="CpuCores">CPU time over time; negative where it was not there.</param>
/// <param name="InstancesBusy">Time in runs over time: how many instances were busy on the average.</param>
/// <param name="BatchRows">Rows of a batch on the average.</param>
/// <param name="Stages">In the order of a request's path.</param>
/// <param name="BatchSizes">Batches by their rows.</param>
/// <param name="CloseReasons">Batches by why they were closed.</param>
/// <param name="Points">One a scrape.</param>
internal sealed record ServerResult(
    string Url, double CpuCores, double InstancesBusy, double BatchRows, IReadOnlyList<ServerStage> Stages, IReadOnlyList<LabelCount> BatchSizes, IReadOnlyList<LabelCount> CloseReasons,
    IReadOnlyList<ServerPoint> Points)
{
    /// <summary>Model instances that there are; 0 where the server does not say.</summary>
    public int Instances { get; init; }

    /// <summary>What a reader must know of it; null for nothing.</summary>
    public string? Warning { get; init; }

    /// <summary>Whether all providers that run the models do so on the CPU; false where the server does not say.</summary>
    public bool RunsOnCpu { get; init; }

    /// <summary>Whether <see cref="InstancesBusy"/> was estimated from what requests saw, which may be too much.</summary>
    public bool IsBusyEstimate { get; init; }
}
