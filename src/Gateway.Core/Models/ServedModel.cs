using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using Gateway.Core.Caching;
using Gateway.Core.Execution;
using Gateway.Core.Features;
using Gateway.Core.Features.Lookups;
using Gateway.Core.Models.Configuration;
using Gateway.Core.Requests;
using Gateway.Core.Scheduling;
using Gateway.Core.Tenants;
using Gateway.Protocol;

namespace Gateway.Core.Models;

/// <summary>One ready version of a model: where protocol endpoints get requests from, and have them answered.</summary>
/// <remarks>
/// <b>Behaviour</b>: one that is replaced or unloaded is retired: it lends no more requests, answers those that it has lent, and is stopped then. So a request that
/// has been lent is served, however long its body takes to arrive, within the time that the drain allows.
/// <b>Threading</b>: any thread. <b>Cost</b>: requests are pooled, up to <see cref="MostPooledRequests"/>; the pool is empty again after a load peak only as
/// far as the garbage collector sees to it.
/// </remarks>
public sealed class ServedModel
{
    // Enough for every request that a queue of the default bound may hold; beyond it requests are simply collected.
    private const int MostPooledRequests = 4096;

    private static long _lastGeneration;

    private readonly ConcurrentQueue<InferenceRequest> _requests = new();
    private readonly TaskCompletionSource _unused = new(TaskCreationOptions.RunContinuationsAsynchronously);

    // Requests that exist, and those of them that are lent; the others are pooled.
    private int _made;
    private int _lent;
    private volatile bool _isRetired;

    /// <param name="digest">See <see cref="Digest"/>.</param>
    internal ServedModel(ModelLayout layout, string device, DynamicBatcher batcher, UInt128 digest = default)
    {
        Digest = digest;
        Layout = layout;
        VersionText = layout.Version.ToString(CultureInfo.InvariantCulture);
        Device = device;
        Batcher = batcher;
    }

    public ModelLayout Layout { get; }

    /// <summary>Where it runs, for people.</summary>
    public string Device { get; }

    /// <summary>Whether any of its instances can run anything: false while all have lost their device. Its requests are taken all the same, and wait for the first to be back; once reloads have failed, those with a deadline alone.</summary>
    public bool IsReady => !Batcher.HasLostAll;

    /// <summary>Where each of its instances runs.</summary>
    public IReadOnlyList<ExecutionPlacement> Placements { get; internal init; } = [];

    /// <summary>What batches take, by the name of the instance group.</summary>
    public IReadOnlyList<(string Group, LatencyModel Latency)> Latencies =>
        [.. Batcher.Latencies.Select((latency, i) => (i < Layout.Config.InstanceGroups.Count ? Layout.Config.InstanceGroups[i].Name : Name, latency))];

    public string Name => Layout.Name;

    public long Version => Layout.Version;

    /// <summary>The version as protocols spell it.</summary>
    public string VersionText { get; }

    public ModelConfig Config => Layout.Config;

    public IReadOnlyList<TensorSpec> Inputs => Layout.Inputs;

    public IReadOnlyList<TensorSpec> Outputs => Layout.Outputs;

    /// <summary>Queues, batches and runs the requests; also where the model's counters are.</summary>
    public DynamicBatcher Batcher { get; }

    /// <summary>Where requests look before they are queued; null for a model without a cache. Set before the model is served.</summary>
    internal ModelCache? Cache { get; set; }

    /// <summary>The views that requests may name instead of an input's bytes; null where there are none.</summary>
    public FeatureViews? Features { get; internal init; }

    /// <summary>The view that a request names.</summary>
    /// <exception cref="InferenceException">There is none of that name.</exception>
    public FeatureView FindFeatureView(ReadOnlySpan<byte> utf8Name) => Features is { } views ? views.Find(utf8Name) : throw FeatureViews.Unknown(System.Text.Encoding.UTF8.GetString(utf8Name));

    /// <summary>The file with requests that are asked for once the server has started, so that they are in the cache; null for none.</summary>
    public string? CacheList { get; internal init; }

    /// <summary>Whether each of its answers is kept by one of several gateways.</summary>
    public bool HasAffinity => Cache?.HasAffinity == true;

    /// <summary>Counters of the cache; null for a model without one.</summary>
    public CacheCounts? CacheCounts => Cache?.Counts;

    /// <summary>Asks one who brings requests of this model to wait, where more are waiting than is good; where a cache has answers of late, they are read all the same.</summary>
    /// <returns>True when it is to wait until it is told to go on.</returns>
    public bool HoldsBack(IHeldBack reader) => Cache?.Counts.IsOfNoUse != false && Batcher.HoldsBack(reader);

    /// <summary>Whether a request that comes now would be refused, as far as can be told before it is read: see <see cref="DynamicBatcher.TurnsAway"/>.</summary>
    /// <remarks>
    /// One of a model with a cache is read, however full the queue is: it may be answered without, and only its bytes tell. Not so one that asks to be run. One that wants no run has
    /// nothing to do with the queue. Its tenant stays the caller's, who may yet have it answered elsewhere; otherwise it leaves, refused.
    /// </remarks>
    /// <param name="use">What is known so far of what the request says of the cache.</param>
    /// <param name="waited">Timestamp ticks since it came.</param>
    /// <param name="isBeingRead">Whether it has been taken off the wire, or is being.</param>
    /// <param name="priority">The level that it asks for; null while the rest of it may yet ask for any.</param>
    public bool TurnsAway(long timeoutMicroseconds, out EarlyRefusal refusal, Tenant? tenant = null, CacheUse use = CacheUse.Ordinary, long waited = 0, int? priority = null, bool isBeingRead = false)
    {
        refusal = default;
        if ((use & CacheUse.OnlyIfCached) != 0 || (Cache is not null && (use & CacheUse.Refresh) == 0)) return false;
        return Batcher.TurnsAway(timeoutMicroseconds, out refusal, tenant, waited, priority, isBeingRead);
    }

    /// <summary>Which load of any model in this process it comes from: another number at each load, however little has changed.</summary>
    public long Generation { get; } = Interlocked.Increment(ref _lastGeneration);

    /// <summary>What it was made from: a digest of the version's files and of the complete configuration, the same after a restart; 0 where there are no files.</summary>
    public UInt128 Digest { get; }

    /// <summary>Requests that are lent.</summary>
    internal int Lent => Volatile.Read(ref _lent);

    /// <summary>Lends an empty request; the caller must dispose it.</summary>
    /// <exception cref="InferenceException">The model has been replaced or unloaded; <see cref="ModelCatalog.RentRequest"/> looks for the one in its place.</exception>
    public InferenceRequest RentRequest() => TryRentRequest(out InferenceRequest? request) ? request : throw ModelCatalog.NotReady(Name, Version);

    /// <summary>Likewise.</summary>
    /// <returns>False when the model has been replaced or unloaded.</returns>
    public bool TryRentRequest([NotNullWhen(true)] out InferenceRequest? request)
    {
        // A full fence before _isRetired is read; Retire has the other half. Without both, this thread could read "not retired" and the other "nothing is lent",
        // and the model would be stopped under the request.
        Interlocked.Increment(ref _lent);
        if (_isRetired)
        {
            request = null;
            CountReturned();
            return false;
        }

        if (!_requests.TryDequeue(out request))
        {
            Interlocked.Increment(ref _made);
            request = new InferenceRequest(this);
        }

        return true;
    }

    /// <summary>Lends no more requests.</summary>
    /// <returns>Completes when all that were lent have come back.</returns>
    internal Task Retire()
    {
        _isRetired = true;
        Interlocked.MemoryBarrier();
        if (Volatile.Read(ref _lent) == 0) _unused.TrySetResult();
        return _unused.Task;
    }

    /// <summary>Checks a filled request against the model and has it answered.</summary>
    /// <returns>
    /// Completes when the request is answered, whatever the answer: see <see cref="InferenceRequest.Status"/>. From here to there the request is not the caller's.
    /// </returns>
    /// <exception cref="InferenceException">The request does not fit the model (the texts are Triton's); it was not accepted and stays the caller's.</exception>
    public ValueTask InferAsync(InferenceRequest request)
    {
        // Taken now: a request whose rows are on disk may be answered before this method returns.
        ValueTask completion = request.Completion;
        if (FeatureFill.IsNeeded(request) && !(request.Fill ??= new FeatureFill(request)).Begin()) return completion;
        RequestValidation.Check(request);
        request.Tenant?.DrawRows(request.Rows);
        if (RefusesRun(request)) return default;
        return Cache is null || request.IsOverdue ? Batcher.EnqueueAsync(request) : Cache.InferAsync(request);
    }

    /// <summary>Likewise, for an endpoint that does not await the answer.</summary>
    /// <param name="receiver">Gets the request back, perhaps before this returns.</param>
    /// <param name="runs">What the calling thread may run itself.</param>
    /// <exception cref="InferenceException">As above.</exception>
    public void Infer(InferenceRequest request, IAnswerReceiver receiver, RunsHere runs)
    {
        request.Receiver = receiver;
        if (FeatureFill.IsNeeded(request) && !(request.Fill ??= new FeatureFill(request)).Begin()) return;
        Enter(request, runs);
    }

    /// <summary>Goes on with a request whose rows had to be waited for.</summary>
    internal void Resume(InferenceRequest request)
    {
        try
        {
            Enter(request, RunsHere.None);
        }
        catch (InferenceException error)
        {
            Abandon(request, error);
        }
    }

    /// <summary>Answers such a request that does not fit after all; it was never accepted.</summary>
    internal static void Abandon(InferenceRequest request, InferenceException error)
    {
        request.SetError(RequestOutcome.Failed, error.Status, error.Message);
        request.Complete();
    }

    private void Enter(InferenceRequest request, RunsHere runs)
    {
        RequestValidation.Check(request);
        request.Tenant?.DrawRows(request.Rows);
        if (RefusesRun(request)) request.Complete();
        else if (Cache is null || request.IsOverdue) Batcher.Enqueue(request, runs);
        else Cache.Infer(request, runs);
    }

    /// <summary>Answers a request that wants no run, and whose model has nothing that it could be answered from.</summary>
    private bool RefusesRun(InferenceRequest request)
    {
        if ((request.CacheUse & CacheUse.OnlyIfCached) == 0 || Cache is { HasStore: true }) return false;
        Batcher.RefuseRun(request);
        return true;
    }

    internal void Return(InferenceRequest request)
    {
        request.Reset();
        if (Volatile.Read(ref _made) - Volatile.Read(ref _lent) < MostPooledRequests) _requests.Enqueue(request);
        else Interlocked.Decrement(ref _made);
        CountReturned();
    }

    private void CountReturned()
    {
        if (Interlocked.Decrement(ref _lent) == 0 && _isRetired) _unused.TrySetResult();
    }
}
