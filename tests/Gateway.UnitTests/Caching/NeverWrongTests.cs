using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using Gateway.Core.Caching;
using Gateway.Core.Requests;
using Gateway.Protocol;
using Gateway.TestSupport;

namespace Gateway.UnitTests.Caching;

/// <summary>
/// Random requests, alone and many at once, cancellations, reloads, reloads that fail, deletions, expiries, evictions and restarts: whatever comes, an answer is one that the
/// live model gave for that very input, after the last deletion, and not too long ago.
/// </summary>
public sealed class NeverWrongTests : IDisposable
{
    private const int TimeToLive = 30_000;

    // An answer of 2 KiB, so that a few thousand are more than memory and disk have room for.
    private const int Copies = 256;

    private readonly string _folder = Directory.CreateTempSubdirectory("cache").FullName;
    private readonly ManualTimeProvider _time = new();

    // The oracle: every run there was, by load, number and time, and when everything was deleted.
    private readonly ConcurrentDictionary<(int Generation, long Number, long Made), bool> _runs = new();
    private readonly Totals _totals = new();
    private readonly Dictionary<long, long> _lastMade = [];
    private int _generation = 1;
    private int _lastGeneration = 1;
    private long _deleted;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task Answers_WhateverComes_AreTheLiveModels(int seed)
    {
        Random random = new(seed);
        CachedModel model = Make(random);
        try
        {
            for (int step = 0; step < 8000; step++)
            {
                int what = random.Next(1000);
                if (what < 3) model = await RestartAsync(model, random, isReload: what == 0);
                else if (what < 7) await ReloadAsync(model, what);
                else if (what < 10) Delete(model);
                else if (what < 60) _time.Advance(TimeSpan.FromMilliseconds(random.Next(1, 1000)));
                else await AskAsync(model, random, what < 800 ? 1 : random.Next(2, 60));
            }

            _totals.Add(model);
        }
        finally
        {
            await model.DisposeAsync();
        }

        // What did not happen was not tested.
        Assert.True(
            _totals is { Hits: > 1000, DiskHits: > 100, Joins: > 100, Evictions: > 500, Restarts: > 3, Reloads: > 3, Cancelled: > 20, Expired: > 500, DeletedInFlight: > 10 },
            _totals.ToString());
    }

    private CachedModel Make(Random random)
    {
        // Four megabytes of disk are soon full, and the quota sooner.
        CacheOptions options = new() { MemoryBytes = 1 << 20, Directory = _folder, DiskBytes = 4 << 20 };
        ModelCacheConfig config = new() { TimeToLive = TimeSpan.FromMilliseconds(TimeToLive), MaxBytes = random.Next(4) == 0 ? 300_000 : null };
        return new CachedModel(Setup(), config, options, (UInt128)_generation);
    }

    private TestModelSetup Setup()
    {
        int generation = _generation;
        return new TestModelSetup
        {
            Time = _time,
            PoolBytes = 256 << 20,
            Outputs = [TestModelSetup.Tensor("y", Protocol.Tensors.DataType.Int64, Copies)],
            CreateExecutor = (layout, pool, time) => new FunctionExecutor(layout, pool, time, (_, inputs, outputs) =>
            {
                // Once: the clock may go on meanwhile.
                long made = Now();
                ReadOnlySpan<long> numbers = MemoryMarshal.Cast<byte, long>(inputs[0]);
                Span<long> answers = MemoryMarshal.Cast<byte, long>(outputs[0].AsSpan());
                for (int i = 0; i < numbers.Length; i++)
                {
                    _runs[(generation, numbers[i], made)] = true;
                    answers.Slice(i * Copies, Copies).Fill((made << 24) | ((long)generation << 16) | numbers[i]);
                }
            }),
        };
    }

    private async Task<CachedModel> RestartAsync(CachedModel model, Random random, bool isReload)
    {
        _totals.Restarts++;
        if (random.Next(2) == 0) await model.Cache.FlushAsync();
        _totals.Add(model);
        await model.DisposeAsync();
        if (isReload) _generation = ++_lastGeneration;
        CachedModel next = Make(random);
        next.Cache.BeginRestore();
        if (random.Next(2) == 0) await next.Cache.Restored;
        return next;
    }

    private async Task ReloadAsync(CachedModel model, int what)
    {
        _totals.Reloads++;
        int live = _generation;
        bool isGood = what % 2 == 0;
        if (what < 5) _generation = ++_lastGeneration;
        await model.ReloadAsync(Setup(), (UInt128)_generation, isGood);

        // What failed was never live.
        if (!isGood) _generation = live;
    }

    private void Delete(CachedModel model)
    {
        _deleted = Now();
        Assert.NotNull(model.Cache.Clear(_deleted % 2 == 0 ? "m" : null));
        _time.Advance(TimeSpan.FromMilliseconds(1.5));
    }

    private async Task AskAsync(CachedModel model, Random random, int requests)
    {
        List<(long Number, InferenceRequest Request, Task Completion, long Sent, long Deleted)> all = [];
        for (int i = 0; i < requests; i++)
        {
            // Few that come often, many that do not; in a burst often the same.
            long number = random.Next(2) == 0 ? random.Next(i > 0 ? 5 : 40) : random.Next(8000);
            InferenceRequest request = model.Model.Request(number);
            request.CacheUse = random.Next(20) switch
            {
                0 => CacheUse.Refresh,
                1 => CacheUse.NoStore,
                2 => CacheUse.Bypass,
                _ => CacheUse.Ordinary,
            };
            if (random.Next(10) == 0) request.CacheMaxAgeSeconds = random.Next(1, 20);
            all.Add((number, request, model.Model.Model.InferAsync(request).AsTask(), Now(), _deleted));
            if (i > 0 && random.Next(10) == 0) all[random.Next(all.Count)].Request.Cancel();

            // What is under way is answered all the same; what comes now is not answered with it.
            if (i > 0 && random.Next(1500) == 0)
            {
                _totals.DeletedInFlight++;
                Delete(model);
            }
        }

        await Task.WhenAll(all.Select(each => each.Completion));
        try
        {
            foreach ((long number, InferenceRequest request, _, long sent, long deleted) in all)
            {
                if (requests > 1 && request.Outcome == RequestOutcome.Cancelled) _totals.Cancelled++;
                else Check(request, number, sent, deleted);
            }
        }
        finally
        {
            // In any case: what a model says that still has requests would hide what was wrong with their answers.
            foreach ((_, InferenceRequest request, _, _, _) in all) request.Dispose();
        }
    }

    private void Check(InferenceRequest request, long number, long sent, long deleted)
    {
        Assert.Equal((StatusCode.Ok, RequestOutcome.Succeeded), (request.Status, request.Outcome));
        ReadOnlySpan<long> values = MemoryMarshal.Cast<byte, long>(request.Outputs[0].Bytes);
        long value = values[0];
        Assert.Equal(Copies, values.Length);
        Assert.False(values.ContainsAnyExcept(value));
        long made = value >> 24;
        Assert.Equal((_generation, number), ((int)(value >> 16) & 0xFF, value & 0xFFFF));
        Assert.True(_runs.ContainsKey((_generation, number, made)), "an answer of a run that was not");
        if ((request.CacheUse & CacheUse.Refresh) != 0) Assert.InRange(made, sent, Now());
        Assert.True(sent - made <= TimeToLive, $"an answer of {sent - made} ms ago");
        if (request.CacheMaxAgeSeconds > 0) Assert.True(sent - made <= 1000 * request.CacheMaxAgeSeconds, $"an answer of {sent - made} ms ago, for one who wanted {request.CacheMaxAgeSeconds} s");
        Assert.True(made >= deleted, $"an answer of {made}, deleted at {deleted}");

        // Asked for again when it was over.
        if (made == Now() && _lastMade.TryGetValue(number, out long last) && Now() - last > TimeToLive) _totals.Expired++;
        _lastMade[number] = made;
    }

    private long Now() => (long)_time.GetElapsedTime(0, _time.GetTimestamp()).TotalMilliseconds;

    private sealed record Totals
    {
        public long Hits { get; private set; }

        public long DiskHits { get; private set; }

        public long Joins { get; private set; }

        public long Evictions { get; private set; }

        public int Restarts { get; set; }

        public int Reloads { get; set; }

        public int Cancelled { get; set; }

        public int Expired { get; set; }

        public int DeletedInFlight { get; set; }

        public void Add(CachedModel model)
        {
            CacheCounts counts = model.Counts;
            Hits += counts.Hits;
            DiskHits += counts.DiskHits;
            Joins += counts.Joins;
            Evictions += counts.Evictions;
        }
    }
}
