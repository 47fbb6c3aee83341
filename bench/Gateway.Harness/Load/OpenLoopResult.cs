namespace Gateway.Harness.Load;

/// <summary>What came of calls that are sent when their time has come, whatever became of those before.</summary>
/// <param name="Offered">Calls a second, of those that count: those after the lead-in.</param>
/// <param name="InTime">Answered within their deadline, from when they were to be sent, a second.</param>
/// <param name="Late">Answered after it, a second.</param>
/// <param name="Refused">Refused, a second.</param>
/// <param name="Unsent">Not sent, because as many were under way as can be, a second.</param>
internal sealed record OpenLoopResult(
    double Offered, double InTime, double Late, double Refused, double Unsent,
    double P50Microseconds, double P99Microseconds, double RefusalP50Microseconds, double RefusalP99Microseconds, double ClientBusy, double ServerBusy)
{
    /// <summary>Requests in time over requests offered, of each class, between 0 and 1.</summary>
    public IReadOnlyList<double> ServedByClass { get; init; } = [];
}
