using Gateway.Load.Statistics;

namespace Gateway.Load.Running;

/// <summary>Where a scenario stands.</summary>
/// <param name="Passed">Seconds since its start.</param>
/// <param name="Last">Its last whole interval; null before there is one.</param>
internal sealed record RunProgress(string Name, double Passed, double Seconds, double WarmUpSeconds, double IntervalSeconds, IntervalTally? Last, int UnderWay, long Failed, long Refused);
