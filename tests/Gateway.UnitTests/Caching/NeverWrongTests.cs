using System.Runtime.InteropServices;
using Gateway.Core.Caching;
using Gateway.Core.Requests;
using Gateway.Protocol;
using Gateway.TestSupport;

namespace Gateway.UnitTests.Caching;

/// <summary>Random requests, reloads, deletions, expiries, evictions and restarts: whatever comes, an answer is one that the live model gave, and not too long ago.</summary>
public sealed class NeverWrongTests : IDisposable
{
    private const int TimeToLive = 5_000;
    private readonly string _folder = Directory.CreateTempSubdirectory("cache").FullName;
    private readonly ManualTimeProvider _time = new();

    // The oracle: when each number was last run by the live model, and when everything was deleted.
    private readonly Dictionary<long, long> _lastRun = [];
    private int _generation = 1;
    private long _deleted;
    private long _lastHits;

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
            for (int step = 0; step < 6000; step++)
            {
                int what = random.Next(1000);
                if (what < 3) model = await RestartAsync(model, random, isReload: what == 0);
                else if (what < 8) Delete(model);
                else if (what < 60) _time.Advance(TimeSpan.FromMilliseconds(random.Next(1, 2000)));
                else await AskAsync(model, random);
            }

            _lastHits += model.Counts.Hits;
        }
        finally
        {
            await model.DisposeAsync();
        }

        Assert.True(_lastHits > 500, $"{_lastHits} hits show little");
    }

    private CachedModel Make(Random random)
    {
        int generation = _generation;
        TestModelSetup setup = new()
        {
            Time = _time,
            PoolBytes = 256 << 20,
            CreateExecutor = (layout, pool, time) => new FunctionExecutor(layout, pool, time, (_, inputs, outputs) =>
            {
                ReadOnlySpan<long> numbers = MemoryMarshal.Cast<byte, long>(inputs[0]);
                Span<long> answers = MemoryMarshal.Cast<byte, long>(outputs[0].AsSpan());
                for (int i = 0; i < numbers.Length; i++) answers[i] = (Now() << 24) | ((long)generation << 16) | numbers[i];
            }),
        };
        CacheOptions options = new() { MemoryBytes = 1 << 20, Directory = _folder, DiskBytes = 16 << 20 };
        ModelCacheConfig config = new() { TimeToLive = TimeSpan.FromMilliseconds(TimeToLive), MaxBytes = random.Next(2) == 0 ? null : 100_000 };
        return new CachedModel(setup, config, options, (UInt128)generation);
    }

    private async Task<CachedModel> RestartAsync(CachedModel model, Random random, bool isReload)
    {
        if (random.Next(2) == 0) await model.Cache.FlushAsync();
        _lastHits += model.Counts.Hits;
        await model.DisposeAsync();
        if (isReload)
        {
            _generation++;
            _lastRun.Clear();
        }

        CachedModel next = Make(random);
        next.Cache.BeginRestore();
        if (random.Next(2) == 0) await next.Cache.Restored;
        return next;
    }

    private void Delete(CachedModel model)
    {
        _deleted = Now();
        model.Cache.Clear(_deleted % 2 == 0 ? "m" : null);
        _time.Advance(TimeSpan.FromMilliseconds(1.5));
    }

    private async Task AskAsync(CachedModel model, Random random)
    {
        CacheUse use = random.Next(20) switch
        {
            0 => CacheUse.Refresh,
            1 => CacheUse.NoStore,
            2 => CacheUse.Bypass,
            _ => CacheUse.Ordinary,
        };

        // Few that come often, many that do not.
        long number = random.Next(2) == 0 ? random.Next(40) : random.Next(5000);
        long runsBefore = model.Model.Counts.Executions;
        Answer answer = await model.Send(use, number).AnswerAsync();
        Assert.Equal((StatusCode.Ok, RequestOutcome.Succeeded), (answer.Status, answer.Outcome));
        long value = Assert.Single(answer.Values);
        long made = value >> 24;
        Assert.Equal((_generation, number), ((int)(value >> 16) & 0xFF, value & 0xFFFF));
        bool isRun = model.Model.Counts.Executions > runsBefore;
        if (isRun || (use & CacheUse.Refresh) != 0)
        {
            Assert.Equal(Now(), made);
            if (use != CacheUse.Bypass) _lastRun[number] = made;
            return;
        }

        Assert.True(Now() - made <= TimeToLive, $"an answer of {Now() - made} ms ago");
        Assert.True(made >= _deleted, $"an answer of {made}, deleted at {_deleted}");
        Assert.True(_lastRun.ContainsKey(number), "an answer of a run that was not");
    }

    private long Now() => (long)_time.GetElapsedTime(0, _time.GetTimestamp()).TotalMilliseconds;
}
