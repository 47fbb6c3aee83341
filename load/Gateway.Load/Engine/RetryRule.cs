namespace Gateway.Load.Engine;

/// <summary>What a client does that is refused.</summary>
/// <param name="Attempts">More attempts that a call may have; 0 for none.</param>
/// <param name="BudgetShare">Most retries in all, as a share of the calls: so that retries cannot become a load of their own.</param>
internal sealed record RetryRule(int Attempts, double BudgetShare)
{
    public static RetryRule None { get; } = new(0, 0);

    // Where the server does not say when: doubled with each attempt.
    private const double FirstPauseSeconds = 0.05;

    // A short run may retry a few times whatever the share.
    private const int LeastBudget = 10;

    public bool Allows(int attempt, long retries, long calls) => attempt < Attempts && retries < LeastBudget + (BudgetShare * calls);

    /// <summary>Seconds to the next attempt.</summary>
    public static double Pause(int attempt, long retryAfterMilliseconds) => retryAfterMilliseconds >= 0 ? retryAfterMilliseconds / 1000.0 : FirstPauseSeconds * (1 << Math.Min(attempt, 10));
}
