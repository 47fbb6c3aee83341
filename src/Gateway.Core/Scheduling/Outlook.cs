namespace Gateway.Core.Scheduling;

/// <summary>When requests of one row, and of a shape that takes as little as any, would be finished that came now; timestamps, 0 for nothing to say.</summary>
/// <param name="First">One that goes before all that wait: no request is finished sooner.</param>
/// <param name="Last">One that goes behind them.</param>
public readonly record struct Outlook(long First, long Last);
