namespace Gateway.Core.Overflow;

/// <summary>Where a request is served.</summary>
/// <param name="Kind">Here, elsewhere or nowhere.</param>
/// <param name="Candidate">Which replica, of <see cref="OverflowKind.Forward"/>.</param>
/// <param name="Expected">Microseconds after which its answer is expected, of <see cref="OverflowKind.Forward"/>.</param>
/// <param name="HopTimeout">Microseconds after which it is tried elsewhere, of <see cref="OverflowKind.Forward"/>.</param>
/// <param name="RetryAfter">Microseconds after which another attempt makes sense, of <see cref="OverflowKind.Refuse"/>.</param>
public readonly record struct OverflowDecision(OverflowKind Kind, int Candidate = -1, long Expected = 0, long HopTimeout = 0, long RetryAfter = 0);
