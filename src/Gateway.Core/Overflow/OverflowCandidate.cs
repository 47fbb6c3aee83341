using Gateway.Core.Overflow.Reports;

namespace Gateway.Core.Overflow;

/// <summary>One replica, as far as the decision goes by it.</summary>
/// <param name="State">What it last said of itself.</param>
/// <param name="Completion">Microseconds until it would answer, by its last report.</param>
/// <param name="RowNanoseconds">What each further row adds to that.</param>
/// <param name="Age">Microseconds since its last report; <see cref="OverflowQuestion.Never"/> for none.</param>
/// <param name="Unreported">Own requests that are there, and that its last report cannot know of.</param>
/// <param name="IsAdmitted">Whether its health lets it take this request.</param>
/// <param name="IsTried">Whether this request has been there.</param>
/// <param name="Weight">How often it is drawn beside others; 0 for never.</param>
/// <param name="IsNear">Whether it is in the zone of this gateway, or no zones are set.</param>
public readonly record struct OverflowCandidate(
    ReplicaState State, long Completion, long RowNanoseconds, long Age, int Unreported, bool IsAdmitted = true, bool IsTried = false, int Weight = 1, bool IsNear = true);
