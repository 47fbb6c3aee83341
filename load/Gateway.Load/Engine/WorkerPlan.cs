using Gateway.Load.Scenarios;
using Gateway.Load.Verification;

namespace Gateway.Load.Engine;

/// <summary>What one worker is to do.</summary>
internal sealed record WorkerPlan
{
    public required IReadOnlyList<StepChoice> Steps { get; init; }

    /// <summary>Seconds at the start whose calls do not count.</summary>
    public double WarmUpSeconds { get; init; }

    /// <summary>Time that an answer has, from when its call was to be sent; 0 for any.</summary>
    public double DeadlineSeconds { get; init; }

    /// <summary>When a call without an answer is given up.</summary>
    public double PatienceSeconds { get; init; } = 30;

    /// <summary>How long the last answers are waited for: as long as any other, or slow ones would be errors at the end alone.</summary>
    public double DrainSeconds { get; init; } = 30;

    /// <summary>After so long without any connection the worker gives up, and after so long beyond twice <see cref="PatienceSeconds"/> with calls under way and no answer.</summary>
    public double GiveUpSeconds { get; init; } = 5;

    /// <summary>Calls that there may be at a time, waiting and under way: what bounds memory. More are counted, not kept.</summary>
    public int MostCalls { get; init; } = 65_536;

    public double IntervalSeconds { get; init; } = 1;

    public RetryRule Retry { get; init; } = RetryRule.None;

    public Verifier? Verifier { get; init; }

    /// <summary>What is counted against each of these is published with each interval.</summary>
    public IReadOnlyList<Threshold> EndingThresholds { get; init; } = [];
}
