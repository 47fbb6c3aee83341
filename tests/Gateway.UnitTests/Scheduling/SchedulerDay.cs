using System.Text;
using Gateway.Core.Scheduling;
using Gateway.Core.Tenants;
using Gateway.TestSupport;

namespace Gateway.UnitTests.Scheduling;

/// <summary>A seeded day of the default policy: requests of several tenants, shapes, sizes, levels and deadlines come, some are cancelled, batches run one after the other.</summary>
internal sealed class SchedulerDay
{
    public const int MaxBatchRows = 8;

    private static readonly long[] Times = [0, 300, 900, 4_000];
    private readonly IBatchFormer _former;
    private readonly LatencyModel _latency = new(MaxBatchRows);
    private readonly BatchPlan _plan = new();
    private readonly Random _random;
    private readonly Tenant[] _tenants;
    private readonly long _origin;
    private readonly ulong _shapeSalt;
    private readonly bool _hasOneShape;
    private readonly bool _hasOneSize;
    private readonly long _step;
    private readonly Dictionary<TestEntry, long> _timeOf = [];
    private long _sequence;

    /// <param name="origin">Where the clock begins.</param>
    /// <param name="isReversed">Tenants come in the opposite order, so that their numbers and places differ.</param>
    /// <param name="shapeSalt">Changes the shape keys, not who has the same.</param>
    /// <param name="step">By how much the clock steps in the middle.</param>
    public SchedulerDay(int seed, long origin = 0, bool isReversed = false, ulong shapeSalt = 0, bool hasOneShape = false, bool hasOneSize = false, Tenant[]? tenants = null, long step = 0)
    {
        BatchingPolicy policy = new() { MaxBatchRows = MaxBatchRows, PriorityLevels = 2, QueuePolicies = [default, default] };
        _former = policy.MakeFormer(TimeProvider.System);
        Queue = new RequestQueue(_former.Order, policy.PriorityLevels);
        _random = new Random(seed);
        _origin = origin;
        _shapeSalt = shapeSalt;
        _hasOneShape = hasOneShape;
        _hasOneSize = hasOneSize;
        _step = step;
        double[] weights = [1, 0.5, 3, 1];
        if (tenants is null)
        {
            if (isReversed) weights = [.. weights.Reverse()];
            tenants = TestTenants.OfWeights(weights);
            if (isReversed) tenants = [.. tenants.Reverse()];
        }

        _tenants = tenants;
        for (int rows = 1; rows <= MaxBatchRows; rows++) _latency.Profile(rows, 100 + (10 * rows));
        _latency.EndProfile();

        // Not long ago: what is idle and has not run for long gets a try.
        _latency.Record(1, 110, origin);
    }

    public RequestQueue Queue { get; }

    /// <summary>One instance, arrivals at one to three times what it can do, until all that came has left.</summary>
    public Result Run()
    {
        List<TestEntry> arrived = [];
        List<Departure> left = [];
        StringBuilder log = new();
        long busyUntil = _origin;
        long lastInFirstHalf = 0;
        InstanceView instance = new(true, 0, 0);
        double gap = _random.Next(8, 24);
        long now = _origin;
        long lastArrival = _origin + 6_000;
        long middle = _origin + 3_000;
        while (now <= lastArrival || Queue.Count > 0 || !instance.IsIdle)
        {
            now += _random.Next(1, (int)(2 * gap));
            if (now >= middle && lastInFirstHalf == 0)
            {
                lastInFirstHalf = _sequence;
                now += _step;
                lastArrival += _step;
                busyUntil += _step;
            }

            if (!instance.IsIdle && busyUntil <= now) instance = new InstanceView(true, 0, 0);
            SchedulingView view = new(Queue, _latency, [instance], now, isDraining: now > lastArrival);
            if (now <= lastArrival)
            {
                TestEntry entry = Arrival(now);
                arrived.Add(entry);
                Refusal refusal = _former.Admit(entry, view);
                if (refusal.Reason == RefusalReason.None) Queue.Add(entry);
                else Leave(entry, refusal.Reason.ToString());
            }

            if (_random.Next(40) == 0 && arrived[_random.Next(arrived.Count)] is { RowsTaken: 0 } cancelled && Queue.Remove(cancelled)) Leave(cancelled, "cancelled");
            while (Queue.TryTakeExpired(now, out QueueEntry? expired)) Leave((TestEntry)expired!, "expired");
            if (Queue.Count == 0) continue;
            if (instance.IsIdle)
            {
                _former.Decide(view, _plan);
                Refuse();
                if (_plan.Parts.Length == 0)
                {
                    Assert.Equal(0, Queue.Count);
                    continue;
                }

                busyUntil = now + _latency.Estimate(_plan.Rows);
                Take(busyUntil);
                instance = new InstanceView(false, now, _plan.Rows);
            }
            else
            {
                _former.Preview(view, _plan);
                Refuse();
            }
        }

        return new Result(arrived, left, log.ToString(), lastInFirstHalf);

        void Refuse()
        {
            foreach (BatchPlan.Refused refused in _plan.Refusals)
            {
                Assert.True(Queue.Remove(refused.Entry));
                Leave((TestEntry)refused.Entry, refused.Why.Reason.ToString());
            }
        }

        void Take(long end)
        {
            Assert.InRange(_plan.Rows, 1, MaxBatchRows);
            Assert.Single(_plan.Parts.ToArray().Select(part => part.Entry.ShapeKey).Distinct());
            Assert.Equal(_plan.Parts.Length, _plan.Parts.ToArray().Select(part => part.Entry).Distinct().Count());
            foreach (BatchPlan.Part part in _plan.Parts)
            {
                log.Append(part.Entry.Sequence).Append('x').Append(part.Rows).Append(' ');
                Queue.Take(part.Entry, part.Rows);
                if (part.Entry.RowsWaiting == 0) Leave((TestEntry)part.Entry, "served", end);
            }

            log.Append('\n');
        }

        void Leave(TestEntry entry, string how, long? answeredAt = null)
        {
            log.Append(entry.Sequence).Append(' ').Append(how).Append('\n');
            left.Add(new Departure(entry, entry.Sequence, _timeOf[entry], answeredAt));
        }
    }

    /// <summary>Batches while every tenant always has more waiting.</summary>
    /// <returns>Rows given to each.</returns>
    public double[] ServeBacklog(int batches)
    {
        double[] given = new double[_tenants.Length];
        for (int batch = 0; batch < batches; batch++)
        {
            Refill(from: 0);
            Decide(batch);
            foreach (BatchPlan.Part part in _plan.Parts)
            {
                given[Array.IndexOf(_tenants, part.Entry.Tenant)] += part.Rows;
                Queue.Take(part.Entry, part.Rows);
            }
        }

        return given;
    }

    /// <summary>Batches until a request of a tenant is wholly served while all others always have more waiting.</summary>
    public int BatchesUntilServed(Tenant tenant, int rows)
    {
        Refill(from: 1);
        Decide(0);
        foreach (BatchPlan.Part part in _plan.Parts) Queue.Take(part.Entry, part.Rows);
        TestEntry entry = new() { Rows = rows, Priority = 1, Tenant = tenant, Sequence = ++_sequence };
        Queue.Add(entry);
        int batches = 0;
        for (; entry.RowsWaiting > 0 && batches < 10_000; batches++)
        {
            Refill(from: 1);
            Decide(batches + 1);
            foreach (BatchPlan.Part part in _plan.Parts) Queue.Take(part.Entry, part.Rows);
        }

        return batches;
    }

    private void Refill(int from)
    {
        for (int i = from; i < _tenants.Length; i++)
        {
            while ((Queue.Shares.Of(_tenants[i])?.Rows ?? 0) < 4 * MaxBatchRows)
            {
                Queue.Add(new TestEntry { Rows = _random.Next(1, 4), Priority = 1, Tenant = _tenants[i], Sequence = ++_sequence });
            }
        }
    }

    private void Decide(int batch)
    {
        SchedulingView view = new(Queue, _latency, [new InstanceView(true, 0, 0)], _origin + (180 * batch), isDraining: false);
        _former.Decide(view, _plan);
        Assert.NotEqual(0, _plan.Parts.Length);
    }

    private TestEntry Arrival(long now)
    {
        long time = Times[_random.Next(Times.Length)];
        int tenant = _random.Next(_tenants.Length);
        ulong shape = (ulong)_random.Next(3);
        int rows = _random.Next(12) == 0 ? _random.Next(1, 21) : _random.Next(1, 4);
        TestEntry entry = new()
        {
            Arrival = now,
            Sequence = ++_sequence,
            Tenant = _tenants[tenant],
            Priority = _random.Next(1, 3),
            Rows = _hasOneSize ? 1 : rows,
            ShapeKey = _hasOneShape ? 0 : (shape ^ _shapeSalt) + _shapeSalt,
            Deadline = time == 0 ? QueueEntry.NoDeadline : now + time,
        };
        _timeOf[entry] = time;
        return entry;
    }

    /// <param name="LastInFirstHalf">The sequence of the last request that came before the middle of the day.</param>
    public sealed record Result(IReadOnlyList<TestEntry> Arrived, IReadOnlyList<Departure> Left, string Log, long LastInFirstHalf);

    /// <param name="AnsweredAt">When its last batch ends; null where it was not served.</param>
    public sealed record Departure(TestEntry Entry, long Sequence, long TimeToAnswer, long? AnsweredAt)
    {
        public bool IsServed => AnsweredAt is not null;
    }
}
