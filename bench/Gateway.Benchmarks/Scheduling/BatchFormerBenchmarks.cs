using BenchmarkDotNet.Attributes;
using Gateway.Core.Scheduling;

namespace Gateway.Benchmarks.Scheduling;

/// <summary>Decisions of the batch former: alone, and with what acting on one does to the queue.</summary>
/// <remarks>Entries have one row each and batches at most 64, so a decision on a deep queue takes 64 entries of the key whose turn it is.</remarks>
[MemoryDiagnoser]
public class BatchFormerBenchmarks
{
    private const int MaxBatchRows = 64;
    private const int Operations = 64;

    private readonly BatchPlan _plan = new();
    private readonly LatencyModel _latency = new(MaxBatchRows);
    private readonly InstanceView[] _instances = [new InstanceView(IsIdle: true, 0, 0)];
    private FifoBatchFormer _former = null!;
    private RequestQueue _queue = null!;
    private long _sequence;

    /// <summary>Requests waiting: one, a full batch, the default bound of the queue.</summary>
    [Params(1, 64, 4096)]
    public int Depth { get; set; } = 64;

    /// <summary>Shapes that they have, in turn.</summary>
    [Params(1, 16)]
    public int ShapeKeys { get; set; } = 1;

    [GlobalSetup]
    public void Setup()
    {
        BatchingPolicy policy = new() { MaxBatchRows = MaxBatchRows };
        _former = new FifoBatchFormer(policy);
        _queue = new RequestQueue(_former.Order, policy.PriorityLevels);
        for (int i = 0; i < Depth; i++) _queue.Add(new WaitingEntry { Priority = 1, ShapeKey = (ulong)(i % ShapeKeys), Sequence = ++_sequence });
    }

    [Benchmark(Baseline = true, OperationsPerInvoke = Operations)]
    public int Decide()
    {
        int rows = 0;
        for (int i = 0; i < Operations; i++) rows += DecideOnce();
        return rows;
    }

    /// <summary>A decision, its entries taken out of the queue, and as many come in.</summary>
    [Benchmark(OperationsPerInvoke = Operations)]
    public int DecideTakeRefill()
    {
        int rows = 0;
        for (int i = 0; i < Operations; i++)
        {
            rows += DecideOnce();
            foreach (BatchPlan.Part part in _plan.Parts) _queue.Take(part.Entry, part.Rows);
            foreach (BatchPlan.Part part in _plan.Parts)
            {
                part.Entry.RowsTaken = 0;
                part.Entry.Sequence = ++_sequence;
                _queue.Add(part.Entry);
            }
        }

        return rows;
    }

    private int DecideOnce()
    {
        SchedulingView view = new(_queue, _latency, _instances, now: 0, isDraining: false);
        _former.Decide(view, _plan);
        return _plan.Rows;
    }
}
