namespace Gateway.Core.Overflow.Replicas;

/// <summary>A request's way to a replica, as far as the replica's health goes by it.</summary>
/// <param name="Start">When it began, in microseconds.</param>
/// <param name="Epoch">Counts what the replica was when it began: another after each time that it was thrown out, or known no more.</param>
/// <param name="IsTrial">Whether it is the one that tries the replica.</param>
public readonly record struct Hop(long Start, int Epoch, bool IsTrial);
