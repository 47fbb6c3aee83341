namespace Gateway.TestSupport.Simulation.Fleets;

/// <summary>What became of the requests that came while it was counted.</summary>
public sealed class FleetResult(FleetSetup setup)
{
    /// <summary>Microseconds of a slice of time.</summary>
    public const long Slice = 50_000;

    private const int Step = 100;

    private readonly int[] _latencies = new int[4000];
    private readonly long[] _offered = new long[(setup.End / Slice) + 1];
    private readonly long[] _kept = new long[(setup.End / Slice) + 1];
    private readonly long[] _offeredAnywhere = new long[(setup.End / Slice) + 1];
    private readonly long[] _keptAnywhere = new long[(setup.End / Slice) + 1];
    private readonly long[] _answers = new long[((setup.End + FleetSimulator.Settling) / Slice) + 1];
    private readonly bool[] _isGoodDoor =
        [.. Enumerable.Range(0, setup.Nodes).Select(node => setup.Faults.All(fault => fault.Kind == FaultKind.Restart || fault.Node != node))];

    private long _latencyCount;
    private long _forwardedInTime;
    private long _forwardedRefused;

    public FleetSetup Setup => setup;

    /// <summary>First attempts of clients.</summary>
    public long Offered { get; private set; }

    /// <summary>All attempts of clients.</summary>
    public long Asked { get; private set; }

    public long InTime { get; private set; }

    /// <summary>Admitted, and answered late or dropped.</summary>
    public long Late { get; private set; }

    public long Refused { get; private set; }

    /// <summary>Answered by a cache.</summary>
    public long Hits { get; private set; }

    public double HitShare => (double)Hits / Math.Max(1, InTime);

    /// <summary>Requests that were sent to another replica.</summary>
    public long Forwarded { get; private set; }

    /// <summary>How often they were.</summary>
    public long Sends { get; private set; }

    /// <summary>How often it was refused there.</summary>
    public long Nacks { get; private set; }

    /// <summary>How often it did not come back in the time of the hop.</summary>
    public long Timeouts { get; private set; }

    /// <summary>How often one threw another out.</summary>
    public long Ejections { get; internal set; }

    public int MostSends { get; private set; }

    /// <summary>Forwarded by replicas that are well, and neither answered in time nor refused because all are full.</summary>
    public long ForwardedLost => Forwarded - _forwardedInTime - _forwardedRefused;

    /// <summary>Neither answered nor refused.</summary>
    public long Lost => Asked - InTime - Late - Refused;

    /// <summary>Answers in time, as a share of what the fleet can do.</summary>
    public double Goodput => InTime / (setup.Capacity * setup.Time / 1e6);

    /// <summary>Answers in time, as a share of what was asked for.</summary>
    public double ShareInTime => (double)InTime / Offered;

    public double RefusedShare => (double)Refused / Asked;

    public double ForwardedShare => (double)Forwarded / Asked;

    public double NackShare => (double)Nacks / Asked;

    public double LateShare => (double)Late / Math.Max(1, InTime + Late);

    /// <summary>Milliseconds that the answered took.</summary>
    public double Percentile(double share)
    {
        long left = (long)(share * _latencyCount);
        int step = 0;
        while (step < _latencies.Length - 1 && (left -= _latencies[step]) >= 0) step++;
        return step * Step / 1000.0;
    }

    /// <summary>Answers in time a second, of any attempt, between two times.</summary>
    public double AnswersPerSecond(long from, long until) => Sum(_answers, from, until) / ((until - from) / 1e6);

    /// <summary>First attempts a second, between two times.</summary>
    public double OfferedPerSecond(long from, long until) => Sum(_offeredAnywhere, from, until) / ((until - from) / 1e6);

    /// <summary>Of the requests that came to replicas that are well, the least share of a slice that was answered in time.</summary>
    public double WorstSlice(long from, long until)
    {
        double worst = 1;
        for (long i = from / Slice; i < until / Slice; i++) worst = Math.Min(worst, _offered[i] == 0 ? 1 : (double)_kept[i] / _offered[i]);
        return worst;
    }

    /// <summary>The end of the last slice, in microseconds after <paramref name="from"/>, of which less than a share was answered in time, whoever it came to.</summary>
    public long TimeToRecover(long from, long until, double share)
    {
        for (long i = (until / Slice) - 1; i >= from / Slice; i--)
        {
            if (_offeredAnywhere[i] > 0 && _keptAnywhere[i] < share * _offeredAnywhere[i]) return ((i + 1) * Slice) - from;
        }

        return 0;
    }

    internal void Arrive(FleetRequest request, bool isFirst)
    {
        if (!IsCounted(request)) return;
        Asked++;
        if (!isFirst) return;
        Offered++;
        _offeredAnywhere[request.ArrivedAt / Slice]++;
        if (IsAtGoodDoor(request)) _offered[request.ArrivedAt / Slice]++;
    }

    internal void Send(FleetRequest request)
    {
        MostSends = Math.Max(MostSends, request.Sends);
        if (!IsCounted(request)) return;
        Sends++;
        if (request.Sends == 1 && IsAtGoodDoor(request)) Forwarded++;
    }

    internal void Nack(FleetRequest request)
    {
        if (IsCounted(request)) Nacks++;
    }

    internal void Hit(FleetRequest request)
    {
        if (IsCounted(request)) Hits++;
    }

    internal void TimeOut(FleetRequest request)
    {
        if (IsCounted(request)) Timeouts++;
    }

    internal void Refuse(FleetRequest request)
    {
        if (!IsCounted(request)) return;
        Refused++;
        if (request is { Sends: > 0, HasFailed: false } && IsAtGoodDoor(request)) _forwardedRefused++;
    }

    internal void Drop(FleetRequest request)
    {
        if (IsCounted(request)) Late++;
    }

    internal void Answer(FleetRequest request, long now)
    {
        bool isInTime = now <= request.Deadline;
        if (isInTime) _answers[now / Slice]++;
        if (!IsCounted(request)) return;
        _latencies[Math.Min(_latencies.Length - 1, (now - request.ArrivedAt) / Step)]++;
        _latencyCount++;
        if (!isInTime)
        {
            Late++;
            return;
        }

        InTime++;
        if (request.RetriesLeft == setup.ClientRetries) _keptAnywhere[request.ArrivedAt / Slice]++;
        if (!IsAtGoodDoor(request)) return;
        if (request.Sends > 0) _forwardedInTime++;
        if (request.RetriesLeft == setup.ClientRetries) _kept[request.ArrivedAt / Slice]++;
    }

    private static double Sum(long[] slices, long from, long until)
    {
        double sum = 0;
        for (long i = from / Slice; i < until / Slice; i++) sum += slices[i];
        return sum;
    }

    private bool IsCounted(FleetRequest request) => request.ArrivedAt >= setup.WarmUp && request.ArrivedAt < setup.End;

    private bool IsAtGoodDoor(FleetRequest request) => _isGoodDoor[request.Door];
}
