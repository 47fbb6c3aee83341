using Gateway.Core.Caching.Admission;
using Gateway.Core.Caching.Entries;
using Gateway.Core.Caching.Flights;
using Gateway.Core.Caching.Keys;
using Gateway.Core.Models;
using Gateway.Core.Requests;
using Gateway.Core.Scheduling;
using Gateway.Protocol;

namespace Gateway.Core.Caching;

/// <summary>One model version's cache: where its requests look before they are queued, and where their answers are kept.</summary>
/// <remarks>
/// <b>Behaviour</b>: a request is answered from the store; or joins one that is the same and in flight; or is run, and its answer kept and given to all that
/// joined meanwhile. One that waits for the disk is run when that takes too long. A joined request keeps its own deadline, and may be cancelled for itself; one that is more urgent than the run it would wait for is run too.
/// When a run is cancelled, expires or is refused, the most urgent who waits takes its place, unless another run is as urgent; when the model fails, all who wait at that moment fail with it, and nothing
/// is kept. <b>Threading</b>: any thread. <b>Ownership</b>: as for the batcher, which it stands before. <b>Cost</b>: a hit, one pass over the inputs, a look-up, and a copy
/// of the outputs; no allocation.
/// </remarks>
internal sealed partial class ModelCache : IAsyncDisposable
{
    // Enough that cores do not meet; a power of two.
    private const int Shards = 16;

    // A disk that works has answered by then, and a model may be slower still: who waits is run instead.
    private static readonly TimeSpan DiskPatience = TimeSpan.FromMilliseconds(100);

    private readonly ResponseCache _cache;
    private readonly DynamicBatcher _batcher;
    private readonly TimeProvider _time;
    private readonly KeyMaker _keys;
    private readonly KeyMaker? _places;
    private readonly FlightShard[] _shards = new FlightShard[Shards];
    private readonly FollowerTimes _times;
    private readonly double _nanosecondsPerTick;
    private readonly long _diskPatience;

    /// <param name="id">See <see cref="Id"/>.</param>
    /// <param name="clearedAt">When its answers were last deleted, in milliseconds of Unix time; 0 for never.</param>
    /// <param name="predecessor">The same version's of the load before, whose counts go on, and whose entries too when it was a load of the same files; null when there is none.</param>
    public ModelCache(ResponseCache cache, ServedModel model, ulong id, UInt128 generation, ModelCacheConfig config, long clearedAt, ModelCache? predecessor, TimeProvider time)
    {
        _cache = cache;
        _batcher = model.Batcher;
        _time = time;
        _keys = new KeyMaker(cache.Secret, model.Name, model.Version, generation);
        _places = config.Affinity ? new KeyMaker(CacheSecret.Shared, model.Name, model.Version, UInt128.Zero) : null;
        for (int i = 0; i < Shards; i++) _shards[i] = new FlightShard();
        _times = new FollowerTimes(time, Expire);
        _nanosecondsPerTick = 1e9 / time.TimestampFrequency;
        _diskPatience = (long)(DiskPatience.TotalSeconds * time.TimestampFrequency);
        Name = model.Name;
        Version = model.Version;
        Id = id;
        Generation = (ulong)generation;
        Counts = predecessor?.Counts ?? new CacheCounts();
        ModelCache? same = predecessor is not null && predecessor.Generation == Generation ? predecessor : null;
        Ledger = same?.Ledger ?? new ModelLedger(config.MaxBytes ?? long.MaxValue, cache.Capacity);
        Validity = same?.Validity ?? new Validity(Ledger, config.TimeToLive, clearedAt);
    }

    public string Name { get; }

    /// <summary>Whether there is anywhere to keep answers.</summary>
    public bool HasStore => _cache.Store is not null;

    /// <summary>Whether each answer is kept by one of several gateways (<see cref="ModelCacheConfig.Affinity"/>).</summary>
    public bool HasAffinity => _places is not null;

    public long Version { get; }

    /// <summary>The model version, in entries.</summary>
    public ulong Id { get; }

    /// <summary>Its load generation, in entries.</summary>
    public ulong Generation { get; }

    public ModelLedger Ledger { get; }

    public CacheCounts Counts { get; }

    /// <summary>Which of its entries may still be used.</summary>
    public Validity Validity { get; }

    /// <summary>Deletes its answers: none that was asked for before is used once this returns, and none that is being made is kept.</summary>
    /// <param name="now">In milliseconds of Unix time.</param>
    public void Clear(long now)
    {
        Validity.Clear(now);
        foreach (FlightShard shard in _shards)
        {
            lock (shard.Lock) shard.DetachAll();
        }
    }

    /// <summary>Has a checked request answered, which is awaited.</summary>
    public ValueTask InferAsync(InferenceRequest request)
    {
        // Taken now: the request may be answered before this method returns.
        ValueTask completion = request.Completion;
        return Begin(request, RunsHere.Any) ? default : completion;
    }

    /// <summary>Likewise, one with a receiver.</summary>
    public void Infer(InferenceRequest request, RunsHere runs)
    {
        if (Begin(request, runs)) request.Complete();
    }

    public ValueTask DisposeAsync() => _times.DisposeAsync();

    /// <summary>The request's caller has given up.</summary>
    /// <returns>False when it is the batcher's to cancel, if anybody's.</returns>
    public static bool TryCancel(CachedCall call)
    {
        if (call.Shard is not { } shard) return false;
        CachedCall? next = null;
        lock (shard.Lock)
        {
            Flight? flight = call.Flight;
            if (call.IsWaiting)
            {
                flight!.Remove(call);
            }
            else if (flight is not null && flight.Reader == call)
            {
                flight.TakeReader();
                flight.RemoveRunner(call);
                if (flight.State == FlightState.Running) next = shard.TakeNext(flight);
                shard.LetGo(flight);
            }
            else
            {
                return false;
            }
        }

        InferenceRequest request = call.Request;
        request.Model.Cache!.Fail(call, RequestOutcome.Cancelled, StatusCode.Cancelled, Refusals.For(request, Refusals.Cancelled));
        if (next is not null) Promotions.Run(next);
        return true;
    }

    /// <summary>Gives up those who have waited until their time was over.</summary>
    /// <returns>When the next one's is; <see cref="QueueEntry.NoDeadline"/> when nobody who waits has one.</returns>
    private long Expire(long now)
    {
        DueCalls due = new(now);
        foreach (FlightShard shard in _shards)
        {
            if (shard.LooksEmpty) continue;
            lock (shard.Lock) due.TakeFrom(shard);
        }

        while (due.TryNextLate(out CachedCall? late))
        {
            if (now - late.Start >= _diskPatience) _cache.DiskIsLate(now);
            Promotions.Run(late);
        }

        while (due.TryNextExpired(out CachedCall? call)) Fail(call, RequestOutcome.Expired, StatusCode.Unavailable, Refusals.For(call.Request, Refusals.TimeoutExpired));
        return Math.Min(due.Next, _cache.WatchDisk(now));
    }

    private EntryTest TestFor(CachedCall call, long now) => Validity.TestFor(call.Key, call.Request.CacheMaxAgeSeconds, now);

    private long Now() => _time.GetUtcNow().ToUnixTimeMilliseconds();

    private long Nanoseconds(long ticks) => (long)(ticks * _nanosecondsPerTick);

    private enum JoinOutcome
    {
        Nothing,
        Landed,
        Runner,
        Waiting,
        Cancelled,
    }
}
