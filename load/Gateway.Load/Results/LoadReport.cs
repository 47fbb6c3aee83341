using Gateway.Load.Machine;

namespace Gateway.Load.Results;

/// <summary>All that a run leaves behind: the JSON file is this, and every other report is made from it.</summary>
internal sealed record LoadReport
{
    public const string CurrentFormat = "gateway-load/1";

    public string Format { get; init; } = CurrentFormat;

    /// <summary><c>run</c>, <c>capacity</c>, <c>tune</c>.</summary>
    public required string Kind { get; init; }

    /// <summary>When it began.</summary>
    public required DateTimeOffset Started { get; init; }

    /// <summary>When the load of a run began, after preparation and proof; null where there was none, and in reports that do not say.</summary>
    public DateTimeOffset? LoadStarted { get; init; }

    public required string Command { get; init; }

    public required MachineFacts Machine { get; init; }

    /// <summary>Load processes whose results are in it.</summary>
    public int Processes { get; init; } = 1;

    /// <summary>Why the run ended before its time; null when it did not.</summary>
    public string? Partial { get; init; }

    /// <summary>Whether that was a threshold which could not be kept any more.</summary>
    public bool IsEndedByThreshold { get; init; }

    /// <summary>What a reader must know before believing the figures.</summary>
    public IReadOnlyList<string> Warnings { get; init; } = [];

    /// <summary>Whether the client could offer what it was to; else the figures are the client's.</summary>
    public bool IsVouchedFor { get; init; } = true;

    public IReadOnlyList<ScenarioResult> Scenarios { get; init; } = [];

    public ServerResult? Server { get; init; }

    public IReadOnlyList<ThresholdResult> Thresholds { get; init; } = [];

    public CapacityResult? Capacity { get; init; }

    public TuneResult? Tune { get; init; }

    [System.Text.Json.Serialization.JsonIgnore]
    public bool IsKept => Thresholds.All(threshold => threshold.IsKept);
}
