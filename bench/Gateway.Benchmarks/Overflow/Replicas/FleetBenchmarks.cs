using BenchmarkDotNet.Attributes;
using Gateway.Core.Overflow;
using Gateway.Core.Overflow.Replicas;
using Gateway.Core.Overflow.Reports;

namespace Gateway.Benchmarks.Overflow.Replicas;

/// <summary>What it costs to decide where a request goes; at most two microseconds with twenty replicas, and no allocation.</summary>
[MemoryDiagnoser]
public class FleetBenchmarks
{
    private const ulong Spread = 0x9E3779B97F4A7C15;

    private static readonly ModelKey Model = new("digits", 0);

    private readonly Fleet _fleet = new(maximumAge: 300_000);
    private ulong _random;
    private readonly long _now = 1_000_000;

    /// <summary>Others in the fleet.</summary>
    [Params(3, 20)]
    public int Replicas { get; set; } = 3;

    [GlobalSetup]
    public void Setup()
    {
        Replica[] members = [.. Enumerable.Range(0, Replicas).Select(i => new Replica($"http://10.0.0.{i}:8000"))];
        for (int i = 0; i < members.Length; i++) members[i].Receive(Model, new LoadReport(ReplicaState.Serving, 1, 1, 5000 + (uint)i, 150_000, 0, 0, 0), _now);
        _fleet.Set(members);
    }

    /// <summary>It is answered here soon enough: most requests of a fleet with an even load.</summary>
    [Benchmark(Baseline = true)]
    public OverflowKind Stay() => Decide(local: 10_000, out _).Kind;

    /// <summary>It would be late here, and all the others have room.</summary>
    [Benchmark]
    public OverflowKind Forward()
    {
        OverflowKind kind = Decide(local: 200_000, out Sending sending).Kind;
        sending.Answer(_fleet, _now);
        return kind;
    }

    /// <summary>It would be late everywhere.</summary>
    [Benchmark]
    public OverflowKind Refuse() => Decide(local: 200_000, out _, remaining: 3000).Kind;

    private OverflowDecision Decide(long local, out Sending sending, long remaining = 100_000)
    {
        OverflowQuestion question = new(local, HasRoom: true, remaining, Floor: 25_000, Hop: 800);
        uint tried = 0;
        return _fleet.Decide(question, Model, _fleet.Watched.Span, ref tried, _now, _random += Spread, out sending);
    }
}
