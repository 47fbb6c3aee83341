using System.Globalization;
using Gateway.Core.Requests;
using Gateway.Core.Scheduling;
using Gateway.Protocol;

namespace Gateway.Core.Tenants;

/// <summary>On whose behalf requests come: its weight, its limits and what it uses of them.</summary>
/// <remarks>
/// <b>Behaviour</b>: a request is let in by <see cref="TryEnter"/> before its body is read; from <see cref="InferenceRequest.AdmitAs"/> on it is the request that leaves, when
/// it is disposed, whatever became of it. What a request takes of a rate is not given back when the machine refuses it. Rows are known only once the body is read: they are
/// drawn from the rate then, beyond what it holds if need be, and nothing is let in until that has come in again; those of a request that others are then asked to answer are given back, and drawn once more where those know no tenants. One that the directory has
/// let go, which it does only while nothing of it is in flight, lets nothing in any more. <b>Threading</b>: any thread.
/// <b>Cost</b>: at most three interlocked operations and a clock to let in; no allocation, for a refusal neither.
/// </remarks>
public sealed class Tenant
{
    // In flight, of one that was let go: whatever comes to it meanwhile leaves it far below 0.
    private const int Gone = int.MinValue / 2;

    // When one of those in flight will be answered is not known; what HTTP says at least.
    private static readonly TimeSpan RetryAfterConcurrency = TimeSpan.FromSeconds(1);

    private readonly TimeProvider _time;
    private readonly TokenBucket? _requestRate;
    private readonly TokenBucket? _rowRate;
    private readonly int _mostInFlight;
    private readonly string _overRequests;
    private readonly string _overRows;
    private readonly string _overConcurrency;
    private readonly long[] _refused = new long[RefusalReasons.Count];
    private int _inFlight;
    private long _requests;
    private long _rows;
    private long _lastCame;

    /// <param name="isTracked">Whether it is there only because requests name it, and may be let go when none has for long.</param>
    internal Tenant(string name, int index, TenantLimits limits, TimeProvider time, bool isTracked = false)
    {
        Name = name;
        Index = index;
        Limits = limits;
        IsTracked = isTracked;
        _time = time;
        _lastCame = time.GetTimestamp();
        _mostInFlight = limits.MaxConcurrency ?? int.MaxValue;
        if (limits.RequestsPerSecond is { } requests) _requestRate = new TokenBucket(requests, limits.RequestBurst ?? Math.Max(1, requests), time.TimestampFrequency);
        if (limits.RowsPerSecond is { } rows) _rowRate = new TokenBucket(rows, limits.RowBurst ?? Math.Max(1, rows), time.TimestampFrequency);

        // Ready made: a flood brings refusals by the thousand.
        _overRequests = string.Create(CultureInfo.InvariantCulture, $"Tenant '{name}' exceeds its rate of {limits.RequestsPerSecond} requests a second");
        _overRows = string.Create(CultureInfo.InvariantCulture, $"Tenant '{name}' exceeds its rate of {limits.RowsPerSecond} rows a second");
        _overConcurrency = string.Create(CultureInfo.InvariantCulture, $"Tenant '{name}' exceeds its {limits.MaxConcurrency} requests in flight");
    }

    public string Name { get; }

    public TenantLimits Limits { get; }

    public double Weight => Limits.Weight;

    /// <summary>Its number among all tenants, from 0 up without gaps; of one that was let go, perhaps another's by now.</summary>
    internal int Index { get; }

    internal bool IsTracked { get; }

    internal int InFlight => Math.Max(0, Volatile.Read(ref _inFlight));

    /// <summary>Lets a request in if the tenant's own limits have room for it. The caller then hands it to a request, or says that it is over.</summary>
    /// <param name="refusal">Of no reason when the tenant was let go, and its name is to be looked up again (<see cref="TenantDirectory.TryEnter"/>).</param>
    public bool TryEnter(out TenantRefusal refusal)
    {
        refusal = default;
        int inFlight = Interlocked.Increment(ref _inFlight);
        if (inFlight <= 0)
        {
            Leave();
            return false;
        }

        Interlocked.Increment(ref _requests);
        if (IsTracked) Volatile.Write(ref _lastCame, _time.GetTimestamp());
        if (inFlight > _mostInFlight)
        {
            Leave();
            refusal = Refuse(RefusalReason.TenantConcurrency, _overConcurrency, RetryAfterConcurrency);
            return false;
        }

        if (_requestRate is null && _rowRate is null) return true;
        long now = _time.GetTimestamp();
        long wait = 0;
        if (_rowRate?.HasAny(now, out wait) == false) refusal = Refuse(RefusalReason.TenantRows, _overRows, _time.GetElapsedTime(0, wait));
        else if (_requestRate?.TryTake(now, out wait) == false) refusal = Refuse(RefusalReason.TenantRequests, _overRequests, _time.GetElapsedTime(0, wait));
        else return true;
        Leave();
        return false;
    }

    /// <summary>A request that was let in has been answered, or will never be.</summary>
    public void Leave() => Interlocked.Decrement(ref _inFlight);

    /// <summary>One was refused for the machine's sake before a request was made of it, or after its request was given back for others to answer.</summary>
    /// <param name="reason">Why it was refused here; None where it never came to that, and nobody else would answer it: that is counted as nobody's refusal.</param>
    public void LeaveRefused(RefusalReason reason)
    {
        if (reason != RefusalReason.None) CountRefused(reason);
        Leave();
    }

    /// <summary>The counters.</summary>
    public TenantCounts Snapshot()
    {
        long[] refused = new long[_refused.Length];
        for (int i = 0; i < refused.Length; i++) refused[i] = Volatile.Read(ref _refused[i]);
        return new TenantCounts(Volatile.Read(ref _requests), Volatile.Read(ref _rows), InFlight, refused);
    }

    /// <summary>When it may be let go, if nothing comes until then; a timestamp. What it owes its rates it is not let off.</summary>
    /// <param name="silence">Ticks from the last request on.</param>
    internal long MayGoAt(long silence) => Math.Max(Volatile.Read(ref _lastCame) + silence, Math.Max(_requestRate?.FullAt ?? long.MinValue, _rowRate?.FullAt ?? long.MinValue));

    /// <summary>Lets it go, unless something of it is in flight.</summary>
    internal bool TryLetGo() => Interlocked.CompareExchange(ref _inFlight, Gone, 0) == 0;

    /// <summary>A request of so many rows is valid and goes on to its model: here, or at a server that knows no tenants.</summary>
    public void DrawRows(int rows) => _rowRate?.Draw(_time.GetTimestamp(), rows);

    /// <summary>A request of so many rows, which were drawn, is not for that model after all.</summary>
    public void GiveBackRows(int rows) => _rowRate?.Draw(_time.GetTimestamp(), -rows);

    /// <summary>A request that was let in is over.</summary>
    internal void Leave(InferenceRequest request)
    {
        if (request.Refusal.Reason != RefusalReason.None) CountRefused(request.Refusal.Reason);
        else if (request.State == RequestState.Released && request.Status == StatusCode.Ok) CountAnswered(request.Rows);
        Leave();
    }

    /// <summary>A request of so many rows has been answered well, here or by a server that knows no tenants.</summary>
    public void CountAnswered(int rows) => Interlocked.Add(ref _rows, rows);

    private TenantRefusal Refuse(RefusalReason reason, string text, TimeSpan? after)
    {
        CountRefused(reason);
        return new TenantRefusal(reason, text, after);
    }

    private void CountRefused(RefusalReason reason) => Interlocked.Increment(ref _refused[(int)reason]);
}
