namespace Gateway.Core.Scheduling;

/// <summary>Why a request is refused, and what that was concluded from.</summary>
/// <param name="Reason">None for a request that is not refused.</param>
/// <param name="PredictedEnd">When it would have been finished, by what was known; 0 where that is not the reason. A timestamp.</param>
/// <param name="RetryAfter">Ticks by which the request comes too early to be in time; 0 where nothing is known about that.</param>
public readonly record struct Refusal(RefusalReason Reason, long PredictedEnd = 0, long RetryAfter = 0);
