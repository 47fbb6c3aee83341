using Gateway.Core.Caching.Admission;
using Gateway.Core.Caching.Entries;
using Gateway.Core.Caching.Flights;
using Gateway.Core.Caching.Keys;
using Gateway.Core.Caching.Storage;
using Gateway.Core.Memory;
using Gateway.Core.Models;
using Gateway.Core.Requests;
using Gateway.Core.Scheduling;
using Gateway.Protocol;

namespace Gateway.Core.Caching;

/// <summary>One model version's cache: where its requests look before they are queued, and where their answers are kept.</summary>
/// <remarks>
/// <b>Behaviour</b>: a request is answered from the store; or joins one that is the same and in flight; or is run, and its answer kept and given to all that
/// joined meanwhile. A joined request keeps its own deadline, and may be cancelled for itself; one that is more urgent than the run it would wait for is run too.
/// When a run is cancelled, expires or is refused, the next who waits takes its place; when the model fails, all who wait at that moment fail with it, and nothing
/// is kept. <b>Threading</b>: any thread. <b>Ownership</b>: as for the batcher, which it stands before. <b>Cost</b>: a hit, one pass over the inputs, a look-up, and a copy
/// of the outputs; no allocation.
/// </remarks>
internal sealed class ModelCache : IAsyncDisposable
{
    // Enough that cores do not meet; a power of two.
    private const int Shards = 16;

    // Clocks of a machine are set back by less; what is further ahead was made before a larger step, and its age is not known.
    private const long MostAheadMilliseconds = 1000;

    [ThreadStatic]
    private static Queue<CachedCall>? _promotions;

    private readonly ResponseCache _cache;
    private readonly DynamicBatcher _batcher;
    private readonly TimeProvider _time;
    private readonly KeyMaker _keys;
    private readonly KeyMaker? _places;
    private readonly FlightShard[] _shards = new FlightShard[Shards];
    private readonly FollowerTimes _times;
    private readonly long _timeToLive;
    private readonly double _nanosecondsPerTick;
    private long _clearedAt;

    /// <param name="id">See <see cref="Id"/>.</param>
    /// <param name="predecessor">The same version's of the load before, whose counts go on, and whose entries too when it was a load of the same files; null when there is none.</param>
    public ModelCache(ResponseCache cache, ServedModel model, ulong id, UInt128 generation, ModelCacheConfig config, ModelCache? predecessor, TimeProvider time)
    {
        _cache = cache;
        _batcher = model.Batcher;
        _time = time;
        _keys = new KeyMaker(cache.Secret, model.Name, model.Version, generation);
        _places = config.Affinity ? new KeyMaker(CacheSecret.Shared, model.Name, model.Version, UInt128.Zero) : null;
        for (int i = 0; i < Shards; i++) _shards[i] = new FlightShard();
        _times = new FollowerTimes(time, Expire);
        _timeToLive = config.TimeToLive is { } limit ? (long)limit.TotalMilliseconds : long.MaxValue;
        _nanosecondsPerTick = 1e9 / time.TimestampFrequency;
        Name = model.Name;
        Version = model.Version;
        Id = id;
        Generation = (ulong)generation;
        Counts = predecessor?.Counts ?? new CacheCounts();
        Ledger = predecessor is not null && predecessor.Generation == Generation ? predecessor.Ledger : new ModelLedger(config.MaxBytes ?? long.MaxValue, cache.Capacity);
    }

    public string Name { get; }

    /// <summary>Whether each answer is kept by one of several gateways (<see cref="ModelCacheConfig.Affinity"/>).</summary>
    public bool HasAffinity => _places is not null;

    public long Version { get; }

    /// <summary>The model version, in entries.</summary>
    public ulong Id { get; }

    /// <summary>Its load generation, in entries.</summary>
    public ulong Generation { get; }

    public ModelLedger Ledger { get; }

    public CacheCounts Counts { get; }

    /// <summary>Nothing made until then is used any more: milliseconds of Unix time.</summary>
    public long ClearedAt
    {
        get => Volatile.Read(ref _clearedAt);
        set => Volatile.Write(ref _clearedAt, value);
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
        lock (shard.Lock)
        {
            if (!call.IsWaiting) return false;
            call.Flight!.Remove(call);
        }

        InferenceRequest request = call.Request;
        request.Model.Cache!.Fail(call, RequestOutcome.Cancelled, StatusCode.Cancelled, Refusals.For(request, Refusals.Cancelled));
        return true;
    }

    /// <returns>True when the request has been answered; false when it is on its way.</returns>
    private bool Begin(InferenceRequest request, RunsHere runs)
    {
        CacheUse use = request.CacheUse;
        if (_cache.Store is not { } store || use == CacheUse.Bypass)
        {
            if (use == CacheUse.Bypass) Counts.CountBypass();
            request.CacheOutcome = use == CacheUse.Bypass ? CacheOutcome.Bypassed : CacheOutcome.None;
            _batcher.Enqueue(request, runs);
            return false;
        }

        long start = _time.GetTimestamp();
        CachedCall call = request.CachedCall ??= new CachedCall(request);
        request.Times.Queued = start;
        call.Start = start;
        call.Key = _keys.Of(request);
        call.Due = _batcher.DueOf(request, start);
        call.Frequency = _cache.Sketch.Count(call.Key.Bits);
        FlightShard shard = _shards[call.Key.Bits & (Shards - 1)];
        if ((use & CacheUse.Refresh) != 0)
        {
            Counts.CountRefresh();
            lock (shard.Lock) OpenUnderLock(shard, call, isListed: false);
            request.CacheOutcome = CacheOutcome.Refreshed;
            Run(call, runs);
            return false;
        }

        return Look(store, shard, call, runs);
    }

    private bool Look(IResponseStore store, FlightShard shard, CachedCall call, RunsHere runs)
    {
        JoinOutcome joined = JoinOutcome.Nothing;
        if (!shard.LooksEmpty)
        {
            lock (shard.Lock) joined = JoinUnderLock(shard, call);
        }

        if (joined != JoinOutcome.Nothing) return Joined(call, joined, runs);

        int landings = shard.Landings;
        long now = Now();
        EntryTest test = TestFor(call, now);
        ReadStatus status = store.Read(test, out StoredEntry entry, out IPendingRead? pending);
        if (status == ReadStatus.Found)
        {
            AnswerHit(call, entry, isOnDisk: false, now);
            return true;
        }

        if (pending is null && call.Request.MayBeKeptElsewhere && _places is { } places)
        {
            call.Request.SendAway(places.Of(call.Request).Bits);
            return true;
        }

        lock (shard.Lock)
        {
            joined = JoinUnderLock(shard, call);
            if (joined == JoinOutcome.Nothing) OpenUnderLock(shard, call, isListed: true);
        }

        if (joined != JoinOutcome.Nothing)
        {
            pending?.Complete(null);
            return Joined(call, joined, runs);
        }

        // An answer that was on its way into the store when it was not found there may have come in before this flight was opened: without a second look it would be run again.
        if (pending is null && shard.Landings != landings && store.Read(test, out entry, out pending) == ReadStatus.Found)
        {
            AnswerFlight(call, entry, isOnDisk: false);
            return false;
        }

        if (pending is not null)
        {
            pending.Complete(call);
            return false;
        }

        CountMiss(call);
        Run(call, runs);
        return false;
    }

    /// <summary>The disk has been read for the first of a flight.</summary>
    public void OnRead(CachedCall call, StoredEntry? entry)
    {
        if (entry is { } found)
        {
            AnswerFlight(call, found, isOnDisk: true);
            return;
        }

        CountMiss(call);
        Promote(call);
    }

    /// <summary>A run of a flight has ended.</summary>
    public void OnAnswered(CachedCall call)
    {
        InferenceRequest request = call.Request;
        FlightShard shard = call.Shard!;
        Flight flight = call.Flight!;
        bool isOk = request.Status == StatusCode.Ok;
        StoredEntry entry = default;
        KeptOutcome kept = KeptOutcome.NotWanted;
        long start = isOk ? _time.GetTimestamp() : 0;
        bool hasEntry = isOk && TryMakeEntry(call, flight, out entry, out kept);
        CachedCall? others = null;
        CachedCall? next = null;
        bool isLanded = false;
        lock (shard.Lock)
        {
            flight.Runners--;
            bool isRunning = flight.State == FlightState.Running;
            if (isRunning && isOk && (hasEntry || flight.First is null))
            {
                others = flight.RemoveAll();
                isLanded = kept == KeptOutcome.Kept && flight.MayStore;
                if (isLanded)
                {
                    flight.State = FlightState.Landed;
                    flight.Entry = entry;
                    flight.Holders++;
                }
                else
                {
                    shard.Close(flight);
                }
            }
            else if (isRunning && !isOk && flight.Runners == 0 && request.Outcome == RequestOutcome.Failed)
            {
                others = flight.RemoveAll();
                shard.Close(flight);
            }
            else if (isRunning && flight.Runners == 0)
            {
                next = PromoteUnderLock(shard, flight);
            }

            shard.LetGo(flight);
        }

        if (isOk) Counts.CountKept(isLanded ? KeptOutcome.Kept : kept == KeptOutcome.Kept ? KeptOutcome.NotWanted : kept, Nanoseconds(_time.GetTimestamp() - start));
        AnswerAll(others, request, hasEntry ? entry : default);
        if (isLanded) _cache.Writer.Post(new WriteItem(this, call.Key, entry, flight, shard, Old: -1, Done: null));
        else if (hasEntry) Drop(entry, kept);

        request.Receiver = call.Receiver;
        request.CacheIsStored = isLanded;
        request.Complete();
        if (next is not null) Promote(next);
    }

    private void Drop(StoredEntry entry, KeptOutcome kept)
    {
        if (kept == KeptOutcome.Kept) _cache.Writer.GiveBack(entry.Bytes);
        entry.Block.Release();
    }

    /// <summary>Copies an answer where it may be kept, and others may be answered from it.</summary>
    private bool TryMakeEntry(CachedCall call, Flight flight, out StoredEntry entry, out KeptOutcome kept)
    {
        entry = default;
        InferenceRequest request = call.Request;
        bool isAwaited = flight.First is not null;
        long bytes = Entry.Bytes(request);
        kept = !flight.MayStore ? KeptOutcome.NotWanted
            : _cache.Store is not { } store || bytes > store.MaxEntryBytes ? KeptOutcome.NotStored
            : store.IsFull && call.Frequency < ResponseCache.LeastFrequency && !isAwaited && flight.IsListed ? KeptOutcome.NotAdmitted
            : _cache.Writer.TryReserve((int)bytes) ? KeptOutcome.Kept : KeptOutcome.NotStored;
        if (kept != KeptOutcome.Kept && !isAwaited) return false;
        if (!_cache.Pool.TryRent(bytes, BlockOwner.CachedAnswer, out MemoryBlock? block))
        {
            if (kept == KeptOutcome.Kept) _cache.Writer.GiveBack((int)bytes);
            kept = KeptOutcome.NotStored;
            return false;
        }

        Entry.Write(
            block.Span[..(int)bytes],
            request,
            new EntryHeader { Created = Now(), Model = Id, Generation = Generation, Hash = call.Key.Hash, Check = call.Key.Check });
        entry = new StoredEntry(block, (int)bytes, -1);
        return true;
    }

    /// <summary>Answers all who waited for a run: from its entry, or with its error.</summary>
    private void AnswerAll(CachedCall? first, InferenceRequest run, StoredEntry entry)
    {
        while (first is not null)
        {
            CachedCall call = first;
            first = call.Next;
            call.Next = null;
            call.Previous = null;
            if (entry.Block is null)
            {
                Fail(call, run.Outcome, run.Status, Refusals.For(call.Request, Refusals.Without(run, run.Error ?? "")));
                continue;
            }

            entry.Block.AddReference();
            call.AnswerFrom(entry.Block);
            Counts.CountJoin();
            Finish(call, _time.GetTimestamp());
        }
    }

    /// <summary>Answers the first of a flight, and all who joined it, with what the store has.</summary>
    private void AnswerFlight(CachedCall call, StoredEntry entry, bool isOnDisk)
    {
        FlightShard shard = call.Shard!;
        CachedCall? others = null;
        lock (shard.Lock)
        {
            Flight flight = call.Flight!;
            flight.Runners--;
            if (flight.State == FlightState.Running)
            {
                others = flight.RemoveAll();
                shard.Close(flight);
            }

            shard.LetGo(flight);
        }

        long now = Now();
        while (others is not null)
        {
            CachedCall other = others;
            others = other.Next;
            other.Next = null;
            other.Previous = null;
            entry.Block.AddReference();
            AnswerHit(other, entry, isOnDisk, now);
            other.Request.Complete();
        }

        AnswerHit(call, entry, isOnDisk, now);
        call.Request.Complete();
    }

    /// <param name="entry">Taken over.</param>
    /// <param name="now">In milliseconds of Unix time, as read for the look-up: a clock costs as much as a look-up in memory does.</param>
    private void AnswerHit(CachedCall call, StoredEntry entry, bool isOnDisk, long now)
    {
        InferenceRequest request = call.Request;
        call.AnswerFrom(entry.Block);
        long age = Math.Max(0, now - Entry.Header(entry.Block.Span).Created);
        request.CacheOutcome = CacheOutcome.Hit;
        request.CacheAgeSeconds = age / 1000;
        long end = _time.GetTimestamp();
        Counts.CountHit(Nanoseconds(end - call.Start), age, isOnDisk);
        if (entry.Address >= 0 && _cache.Store is { } store && store.IsOld(entry.Address)) _cache.Touch(this, call.Key, entry);
        Count(request, end);
    }

    /// <summary>Answers one who waited.</summary>
    private void Finish(CachedCall call, long now)
    {
        call.Request.CacheOutcome = CacheOutcome.Joined;
        Count(call.Request, now);
        call.Request.Complete();
    }

    private void Fail(CachedCall call, RequestOutcome outcome, StatusCode status, string text)
    {
        call.Request.SetError(outcome, status, text);
        Counts.CountJoin();
        Finish(call, _time.GetTimestamp());
    }

    /// <summary>Counts a request that the batcher never saw.</summary>
    private void Count(InferenceRequest request, long now)
    {
        request.State = RequestState.Released;
        request.Times.SetAnsweredAside(now);
        _batcher.Statistics.CountAside(request, now);
    }

    private JoinOutcome JoinUnderLock(FlightShard shard, CachedCall call)
    {
        if (shard.Find(call.Key) is not { } flight) return JoinOutcome.Nothing;
        if (flight.State == FlightState.Landed)
        {
            // On its way into the store it can be deleted, or expire, as well as in it.
            if (!Entry.Passes(flight.Entry.Block.Span[..flight.Entry.Bytes], long.MaxValue, TestFor(call, Now())))
            {
                shard.Close(flight);
                return JoinOutcome.Nothing;
            }

            flight.Entry.Block.AddReference();
            call.Flight = flight;
            call.Landed = flight.Entry;
            return JoinOutcome.Landed;
        }

        call.Flight = flight;
        call.Shard = shard;
        flight.MayStore |= (call.Request.CacheUse & CacheUse.NoStore) == 0;
        call.Request.CacheOutcome = CacheOutcome.Joined;
        if (call.Due < flight.RunnersDue)
        {
            flight.Runners++;
            flight.Holders++;
            flight.RunnersDue = call.Due;
            call.Request.CacheOutcome = CacheOutcome.Miss;
            return JoinOutcome.Runner;
        }

        // Its cancellation came before it could be seen here.
        if (call.Request.IsCancelled) return JoinOutcome.Cancelled;
        flight.Add(call);
        if (call.Due != QueueEntry.NoDeadline) _times.Arm(call.Due, call.Start);
        return JoinOutcome.Waiting;
    }

    /// <returns>Whether the request has been answered.</returns>
    private bool Joined(CachedCall call, JoinOutcome outcome, RunsHere runs)
    {
        switch (outcome)
        {
            case JoinOutcome.Landed:
                AnswerHit(call, call.Landed, isOnDisk: false, Now());
                return true;
            case JoinOutcome.Runner:
                CountMiss(call);
                Run(call, runs);
                return false;
            case JoinOutcome.Cancelled:
                InferenceRequest request = call.Request;
                request.SetError(RequestOutcome.Cancelled, StatusCode.Cancelled, Refusals.For(request, Refusals.Cancelled));
                Counts.CountJoin();
                Count(request, _time.GetTimestamp());
                return true;
            default:
                // Perhaps answered already: it is not ours to look at.
                return false;
        }
    }

    private static void OpenUnderLock(FlightShard shard, CachedCall call, bool isListed)
    {
        Flight flight = shard.Open(call.Key, isListed);
        flight.RunnersDue = call.Due;
        flight.MayStore = (call.Request.CacheUse & CacheUse.NoStore) == 0;
        call.Flight = flight;
        call.Shard = shard;
        call.Request.CacheOutcome = CacheOutcome.Miss;
    }

    /// <summary>The first who waits takes the place of a run that came to nothing; without one the flight is over.</summary>
    private static CachedCall? PromoteUnderLock(FlightShard shard, Flight flight)
    {
        if (flight.First is not { } next)
        {
            shard.Close(flight);
            return null;
        }

        flight.Remove(next);
        flight.Runners = 1;
        flight.RunnersDue = next.Due;
        flight.Holders++;
        next.Request.CacheOutcome = CacheOutcome.Miss;
        return next;
    }

    /// <summary>Runs one that had waited.</summary>
    /// <remarks>A run that is refused at once has the next promoted, and that one the next: one after the other here, not each within the other's.</remarks>
    private static void Promote(CachedCall call)
    {
        if (_promotions is { } outer)
        {
            outer.Enqueue(call);
            return;
        }

        _promotions = new Queue<CachedCall>();
        try
        {
            CachedCall? next = call;
            do next.Request.Model.Cache!.RunLate(next);
            while (_promotions.TryDequeue(out next));
        }
        finally
        {
            _promotions = null;
        }
    }

    private void RunLate(CachedCall call)
    {
        InferenceRequest request = call.Request;
        if (call.Due != QueueEntry.NoDeadline)
        {
            // The batcher counts from now; some of the time has been spent.
            long left = call.Due - _time.GetTimestamp();
            if (left <= 0)
            {
                call.Receiver = request.Receiver;
                request.SetError(RequestOutcome.Expired, StatusCode.Unavailable, Refusals.For(request, Refusals.TimeoutExpired));
                Count(request, call.Due);
                OnAnswered(call);
                return;
            }

            request.LimitTime(Math.Max(1, (long)(left * _nanosecondsPerTick / 1000)));
        }

        Run(call, RunsHere.None);
    }

    private void Run(CachedCall call, RunsHere runs)
    {
        InferenceRequest request = call.Request;
        call.Receiver = request.Receiver;
        request.Receiver = call;
        _batcher.Enqueue(request, runs);
    }

    /// <summary>Gives up those who have waited until their time was over.</summary>
    /// <returns>When the next one's is; <see cref="QueueEntry.NoDeadline"/> when nobody who waits has one.</returns>
    private long Expire(long now)
    {
        long next = QueueEntry.NoDeadline;
        CachedCall? expired = null;
        foreach (FlightShard shard in _shards)
        {
            if (shard.LooksEmpty) continue;
            lock (shard.Lock)
            {
                foreach (Flight flight in shard.All)
                {
                    for (CachedCall? call = flight.First; call is not null;)
                    {
                        CachedCall waiting = call;
                        call = call.Next;
                        if (waiting.Due > now)
                        {
                            next = Math.Min(next, waiting.Due);
                            continue;
                        }

                        flight.Remove(waiting);
                        waiting.Next = expired;
                        expired = waiting;
                    }
                }
            }
        }

        while (expired is not null)
        {
            CachedCall call = expired;
            expired = call.Next;
            call.Next = null;
            Fail(call, RequestOutcome.Expired, StatusCode.Unavailable, Refusals.For(call.Request, Refusals.TimeoutExpired));
        }

        return next;
    }

    private EntryTest TestFor(CachedCall call, long now)
    {
        long oldest = _timeToLive == long.MaxValue ? 0 : now - _timeToLive;

        // As old as it says is not too old.
        if (call.Request.CacheMaxAgeSeconds is > 0 and var seconds) oldest = Math.Max(oldest, now - (1000 * seconds) - 1);
        return new EntryTest(call.Key, Ledger.Floor, Math.Max(oldest, Math.Max(ClearedAt, _cache.ClearedAt)), now + MostAheadMilliseconds);
    }

    private void CountMiss(CachedCall call) => Counts.CountMiss(Nanoseconds(_time.GetTimestamp() - call.Start));

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
