using System.Collections.Concurrent;
using Gateway.Core.Overflow.Reports;

namespace Gateway.Core.Overflow.Replicas;

/// <summary>Another server that can answer what this one cannot: what it says of itself, and what became of the requests that it was sent.</summary>
/// <remarks><b>Threading</b>: any.</remarks>
/// <param name="address">Where it is, such as <c>http://10.0.0.2:8000</c>.</param>
/// <param name="seed">Makes the pauses of gateways that watch the same replica differ; null for another at each start.</param>
/// <param name="warmsUp">Whether somebody warms it up before it gets requests (<see cref="ReplicaHealth"/>).</param>
public sealed class Replica(string address, ulong? seed = null, bool warmsUp = false)
{
    // Bounded as all that others can make grow: by names of models, here.
    private const int MostQueues = 4096;

    // Times the age at which a report says nothing any more: who has not reported for so long was away, not only busy, and its connections may be gone.
    private const int MissedReports = 10;

    private readonly ConcurrentDictionary<ModelKey, RemoteQueue> _queues = new();
    private long _lastReportAt = long.MinValue / 2;
    private int _boot = -1;

    public string Address { get; } = address;

    /// <summary>How often it is drawn beside others; 0 for never.</summary>
    public int Weight { get; init; } = 1;

    /// <summary>Whether it is in the zone of this gateway, or no zones are set.</summary>
    public bool IsNear { get; init; } = true;

    /// <summary>Microseconds after which a report says nothing any more.</summary>
    public long MaximumAge { get; init; } = long.MaxValue;

    /// <summary>What is thought of it over HTTP.</summary>
    public ReplicaHealth Http { get; } = new(seed ?? (ulong)string.GetHashCode(address, StringComparison.Ordinal), warmsUp);

    /// <summary>What is thought of it over gRPC.</summary>
    public ReplicaHealth Grpc { get; } = new(~(seed ?? (ulong)string.GetHashCode(address, StringComparison.Ordinal)), warmsUp);

    public ReplicaHealth HealthOver(ReplicaTransport transport) => transport == ReplicaTransport.Grpc ? Grpc : Http;

    public ReplicaCounts Counts { get; } = new();

    /// <summary>Whether it has turned out to be this gateway itself.</summary>
    public bool IsSelf { get; set; }

    /// <summary>Whether it is a server of the protocol that is no gateway: it says nothing of its load, which is guessed from how long it takes.</summary>
    public bool IsForeign { get; set; }

    /// <summary>Whether it is asked for its load at all: what is no member any more is not, though requests may still be on their way there.</summary>
    public bool IsAsked { get; set; }

    /// <summary>The name that it was found by, port included, which it is asked for and its certificate is to be of; null for that of the address.</summary>
    public string? Host { get; init; }

    /// <summary>Where it serves gRPC, as it is configured; null where it is not.</summary>
    public string? FixedGrpcAddress { get; init; }

    /// <summary>Where it serves gRPC; null where it does not, or nobody has said.</summary>
    public string? GrpcAddress
    {
        get => FixedGrpcAddress ?? field;
        set;
    }

    /// <summary>When it last reported, in microseconds.</summary>
    public long LastReportAt => Volatile.Read(ref _lastReportAt);

    /// <summary>When it was last asked to report out of turn, in microseconds.</summary>
    internal long HurriedAt { get; set; } = long.MinValue / 2;

    /// <summary>What it last said of itself as a whole; starting until it has.</summary>
    public ReplicaState State { get; set; }

    /// <summary>The models that it has reported on.</summary>
    public IEnumerable<KeyValuePair<ModelKey, RemoteQueue>> Queues => _queues;

    /// <returns>Null for a model that it has not reported on.</returns>
    public RemoteQueue? Find(in ModelKey model) => _queues.GetValueOrDefault(model);

    /// <summary>Takes a report over.</summary>
    /// <param name="now">When it came, in microseconds.</param>
    /// <param name="isUncompared">Of <see cref="RemoteQueue.IsUncompared"/>.</param>
    public void Receive(in ModelKey model, LoadReport report, long now, bool isUncompared = false)
    {
        NoteReport(report.Boot, now);
        if (!_queues.TryGetValue(model, out RemoteQueue? queue))
        {
            if (_queues.Count >= MostQueues) return;
            queue = _queues.GetOrAdd(model, static _ => new RemoteQueue());
        }

        queue.IsUncompared = isUncompared;
        queue.Receive(report, now);
    }

    /// <summary>It has reported on all its models: those that are not among them are there no more.</summary>
    public void Keep(IReadOnlySet<ModelKey> models)
    {
        foreach (ModelKey model in _queues.Keys)
        {
            if (!models.Contains(model)) _queues.TryRemove(model, out _);
        }
    }

    private void NoteReport(ushort boot, long now)
    {
        int before = Interlocked.Exchange(ref _boot, boot);
        long gap = now - Interlocked.Exchange(ref _lastReportAt, now);
        if (before < 0 || (before == boot && gap <= MaximumAge)) return;
        foreach (ReplicaHealth health in (ReadOnlySpan<ReplicaHealth>)[Http, Grpc])
        {
            if (before != boot) health.Cool(now, isRestart: true);
            else if (gap / MissedReports > MaximumAge) health.Cool(now, isRestart: false);
            else health.Reappear(now);
        }
    }
}
