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
/// joined meanwhile. One that waits for the disk is run when that takes too long. A joined request keeps its own deadline, and may be cancelled for itself; one that is more urgent than the run it would wait for is run too.
/// When a run is cancelled, expires or is refused, the next who waits takes its place; when the model fails, all who wait at that moment fail with it, and nothing
/// is kept. <b>Threading</b>: any thread. <b>Ownership</b>: as for the batcher, which it stands before. <b>Cost</b>: a hit, one pass over the inputs, a look-up, and a copy
/// of the outputs; no allocation.
/// </remarks>
internal sealed class ModelCache : IAsyncDisposable
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
        Ledger = predecessor is not null && predecessor.Generation == Generation ? predecessor.Ledger : new ModelLedger(config.MaxBytes ?? long.MaxValue, cache.Capacity);
        Validity = new Validity(Ledger, config.TimeToLive, clearedAt);
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
                flight.Runners--;
                if (flight is { State: FlightState.Running, Runners: 0 }) next = shard.TakeNext(flight);
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

    /// <returns>True when the request has been answered; false when it is on its way.</returns>
    private bool Begin(InferenceRequest request, RunsHere runs)
    {
        CacheUse use = request.CacheUse;
        bool isBypass = (use & CacheUse.Bypass) == CacheUse.Bypass;
        if (_cache.Store is not { } store || isBypass)
        {
            if (isBypass) Counts.CountBypass();
            request.CacheOutcome = isBypass ? CacheOutcome.Bypassed : CacheOutcome.None;
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
            lock (shard.Lock) shard.Open(call, isListed: false);
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

        call.Stale = entry;
        if (pending is null && call.Request.MayBeKeptElsewhere && _places is { } places)
        {
            call.Request.SendAway(places.Of(call.Request).Bits);
            return true;
        }

        lock (shard.Lock)
        {
            joined = JoinUnderLock(shard, call);
            if (joined == JoinOutcome.Nothing) shard.Open(call, isListed: true);
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
            AwaitDisk(shard, call, pending);
            return false;
        }

        CountMiss(call);
        Run(call, runs);
        return false;
    }

    private void AwaitDisk(FlightShard shard, CachedCall call, IPendingRead pending)
    {
        // From there on the request may be answered at any time.
        Flight flight = call.Flight!;
        long start = call.Start;
        long due = Math.Min(call.Due, start + _diskPatience);
        lock (shard.Lock) flight.BeginRead(this, call, due);
        _times.Arm(due, start);
        pending.Complete(flight);
    }

    /// <summary>The disk has been read for the first of a flight.</summary>
    /// <param name="entry">Without a block where nothing was found.</param>
    public void OnRead(Flight flight, FlightShard shard, StoredEntry entry)
    {
        _cache.DiskHasAnswered();
        CachedCall? call;
        lock (shard.Lock)
        {
            call = flight.TakeReader();
            shard.LetGo(flight);
        }

        if (call is null)
        {
            entry.Block?.Release();
            return;
        }

        if (entry.Block is not null)
        {
            AnswerFlight(call, entry, isOnDisk: true);
            return;
        }

        call.Stale = entry;
        Promotions.Run(call);
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
        OldEntry old = !flight.IsListed ? OldEntry.Unknown : call.Stale.Bytes > 0 ? new OldEntry(call.Stale.Address, call.Stale.Bytes) : OldEntry.None;
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

                    // What was asked for anew is what the next one gets, before it is in the store as well as then.
                    if (flight is { IsListed: false, IsDetached: false }) shard.List(flight);
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
                next = shard.TakeNext(flight);
            }

            shard.LetGo(flight);
        }

        request.CacheIsStored = isLanded;
        if (isOk) Counts.CountKept(isLanded ? KeptOutcome.Kept : kept == KeptOutcome.Kept ? KeptOutcome.NotWanted : kept, Nanoseconds(_time.GetTimestamp() - start));
        AnswerAll(others, request, hasEntry ? entry : default);
        if (isLanded) _cache.Writer.Post(new WriteItem(this, call.Key, entry, flight, shard, old, Done: null, call.Clears));
        else if (hasEntry) Drop(entry, kept);

        request.Receiver = call.Receiver;
        request.Complete();
        if (next is not null) Promotions.Run(next);
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
        kept = !flight.MayStore || call.Clears != Validity.Clears ? KeptOutcome.NotWanted
            : _cache.Store is not { } store || bytes > store.MaxEntryBytes ? KeptOutcome.NotStored
            : store.IsFull && call.Frequency < ResponseCache.LeastFrequency && !isAwaited && flight.IsListed && (request.CacheUse & CacheUse.Keep) == 0 ? KeptOutcome.NotAdmitted
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
            new EntryHeader { Created = call.Created, Model = Id, Generation = Generation, Hash = call.Key.Hash, Check = call.Key.Check });
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

    /// <summary>Answers the first of a flight, and all who joined it, with what the store has; those whom it does not answer are run.</summary>
    /// <remarks>Each asks for itself: a follower may want a younger answer than the first did, and all may have been deleted since it was looked for.</remarks>
    private void AnswerFlight(CachedCall call, StoredEntry entry, bool isOnDisk)
    {
        FlightShard shard = call.Shard!;
        CachedCall? others = null;
        CachedCall? next = null;
        long now = Now();
        bool isAnswered = Answers(entry, call, now);
        lock (shard.Lock)
        {
            Flight flight = call.Flight!;
            if (isAnswered) flight.Runners--;
            if (flight.State == FlightState.Running)
            {
                for (CachedCall? other = flight.First; other is not null;)
                {
                    CachedCall follower = other;
                    other = other.Next;
                    if (!Answers(entry, follower, now)) continue;
                    flight.Remove(follower);
                    follower.Next = others;
                    others = follower;
                }

                if (flight.Runners == 0) next = shard.TakeNext(flight);
            }

            if (isAnswered) shard.LetGo(flight);
        }

        while (others is not null)
        {
            CachedCall other = others;
            others = other.Next;
            other.Next = null;
            entry.Block.AddReference();
            AnswerHit(other, entry, isOnDisk, now);
            other.Request.Complete();
        }

        if (isAnswered)
        {
            AnswerHit(call, entry, isOnDisk, now);
            call.Request.Complete();
        }
        else
        {
            entry.Block.Release();
            next = call;
        }

        if (next is not null) Promotions.Run(next);
    }

    private bool Answers(in StoredEntry entry, CachedCall call, long now) => Entry.Passes(entry.Block.Span[..entry.Bytes], entry.Address, TestFor(call, now));

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

    /// <summary>Runs one that had waited, for another's run or for the disk.</summary>
    public void RunLate(CachedCall call)
    {
        InferenceRequest request = call.Request;
        CountMiss(call);
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
        call.Clears = Validity.Clears;
        call.Created = Now();
        call.Receiver = request.Receiver;
        request.Receiver = call;
        _batcher.Enqueue(request, runs);
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
