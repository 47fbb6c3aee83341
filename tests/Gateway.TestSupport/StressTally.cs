using System.Collections.Concurrent;
using Gateway.Core.Requests;

namespace Gateway.TestSupport;

/// <summary>What a stress run has seen.</summary>
/// <remarks><b>Threading</b>: any thread.</remarks>
public sealed class StressTally
{
    // Enough to see a pattern; a broken engine makes millions.
    private const int MostViolations = 20;

    private readonly long[] _outcomes = new long[Enum.GetValues<RequestOutcome>().Length];
    private readonly ConcurrentQueue<string> _violations = new();
    private long _rows;
    private long _collateral;
    private int _lives;

    /// <summary>Requests answered, by outcome.</summary>
    public IReadOnlyList<long> Outcomes => _outcomes;

    public long Requests => _outcomes.Sum();

    public long Rows => Volatile.Read(ref _rows);

    /// <summary>Requests without a poisoned row that failed with a batch-mate, because finding all of the poisoned ones was beyond the budget.</summary>
    public long Collateral => Volatile.Read(ref _collateral);

    /// <summary>Models that were started, used and stopped.</summary>
    public int Lives => Volatile.Read(ref _lives);

    /// <summary>The first few things that must never happen and did.</summary>
    public IReadOnlyList<string> Violations => [.. _violations];

    public override string ToString() =>
        $"{Lives} models, {Requests} requests, {Rows} rows; " +
        string.Join(", ", Enum.GetValues<RequestOutcome>().Select(outcome => $"{outcome.ToString().ToLowerInvariant()} {_outcomes[(int)outcome]}")) +
        $"; failed with a batch-mate {Collateral}";

    internal void Violate(string what)
    {
        if (_violations.Count < MostViolations) _violations.Enqueue(what);
    }

    internal void CountAnswered(RequestOutcome outcome, int rows)
    {
        Interlocked.Increment(ref _outcomes[(int)outcome]);
        Interlocked.Add(ref _rows, rows);
    }

    internal void CountCollateral() => Interlocked.Increment(ref _collateral);

    internal void CountLife() => Interlocked.Increment(ref _lives);
}
