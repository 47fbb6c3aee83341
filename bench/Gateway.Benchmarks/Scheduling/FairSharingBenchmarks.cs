using BenchmarkDotNet.Attributes;
using Gateway.Core.Scheduling;
using Gateway.Core.Tenants;

namespace Gateway.Benchmarks.Scheduling;

/// <summary>What the default policy costs a request: to admit it, to keep it, and its part of the decision that takes it, at any depth of the queue, for none, one and many tenants.</summary>
/// <remarks>
/// Entries have one row each and a deadline of their own, and batches 64: an operation is one entry's admission and coming in, and a 64th of a decision and its taking out. To be flat in
/// the depth, but for what a memory of a million entries costs in caches.
/// </remarks>
[MemoryDiagnoser]
public class FairSharingBenchmarks
{
    private const int MaxBatchRows = 64;
    private const int Batches = 16;
    private const int Operations = MaxBatchRows * Batches;

    private readonly BatchPlan _plan = new();
    private readonly LatencyModel _latency = new(MaxBatchRows);
    private readonly InstanceView[] _instances = [new InstanceView(IsIdle: true, 0, 0)];
    private readonly List<QueueEntry> _taken = [];
    private readonly Random _random = new(1);
    private IBatchFormer _former = null!;
    private RequestQueue _queue = null!;
    private Tenant[] _tenants = [];
    private Tenant _limited = null!;
    private long _sequence;
    private long _now;

    /// <summary>Requests waiting.</summary>
    [Params(100, 1_000, 10_000, 100_000, 1_000_000)]
    public int Depth { get; set; } = 1_000;

    /// <summary>Tenants that they are of; 0 for a server without tenants.</summary>
    [Params(0, 1, 2, 16, 1_000)]
    public int Tenants { get; set; } = 16;

    [GlobalSetup]
    public void Setup()
    {
        for (int rows = 1; rows <= MaxBatchRows; rows++) _latency.Profile(rows, 10_000 + (500 * rows));
        _latency.EndProfile();
        BatchingPolicy policy = new() { MaxBatchRows = MaxBatchRows, MaxQueueRequests = int.MaxValue };
        _former = policy.MakeFormer(TimeProvider.System);
        _queue = new RequestQueue(_former.Order, policy.PriorityLevels);
        TenantDirectory directory = new(
            Enumerable.Range(0, Tenants).Select(i => new TenantSetup($"t{i}", new TenantLimits { Weight = 1 + (i % 4) }, [])),
            new TenantLimits { MaxConcurrency = 1_000, RequestsPerSecond = 1e6, RowsPerSecond = 1e6 },
            UnknownTenants.Share,
            TenantDirectory.DefaultMostTracked,
            TimeProvider.System);
        _limited = directory.All[0];
        _tenants = [.. directory.All.Skip(1)];
        for (int i = 0; i < Depth; i++) Enqueue(new WaitingEntry { Priority = 1 });
    }

    /// <summary>Batches taken out, and as many requests admitted again.</summary>
    [Benchmark(OperationsPerInvoke = Operations)]
    public int AdmitDecide()
    {
        int rows = 0;
        for (int batch = 0; batch < Batches; batch++)
        {
            SchedulingView view = new(_queue, _latency, _instances, _now += 40_000, isDraining: false);
            _former.Decide(view, _plan);
            rows += _plan.Rows;
            _taken.Clear();
            foreach (BatchPlan.Part part in _plan.Parts) _taken.Add(part.Entry);
            foreach (QueueEntry entry in _taken) _queue.Take(entry, entry.RowsWaiting);
            foreach (BatchPlan.Refused refused in _plan.Refusals)
            {
                _queue.Remove(refused.Entry);
                _taken.Add(refused.Entry);
            }

            foreach (QueueEntry entry in _taken) Enqueue(entry);
        }

        return rows;
    }

    /// <summary>Letting a request in within all three limits, and out again.</summary>
    [Benchmark]
    public bool EnterLeave()
    {
        if (!_limited.TryEnter(out _)) return false;
        _limited.DrawRows(1);
        _limited.Leave();
        return true;
    }

    private void Enqueue(QueueEntry entry)
    {
        // Far enough off that a queue of this depth can be worked off; a quarter of it apart, so that few come in at the end.
        long span = (Depth * 4_000L) + 1_000_000;
        entry.RowsTaken = 0;
        entry.Sequence = ++_sequence;
        entry.Tenant = _tenants.Length == 0 ? null : _tenants[_sequence % _tenants.Length];
        entry.Arrival = _now;
        entry.Deadline = _now + span + (_random.NextInt64(span) / 4);
        SchedulingView view = new(_queue, _latency, _instances, _now, isDraining: false);
        _former.Admit(entry, view);
        _queue.Add(entry);
    }
}
