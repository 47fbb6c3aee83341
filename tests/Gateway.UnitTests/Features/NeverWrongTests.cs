using Gateway.Core.Features.Configuration;
using Gateway.TestSupport;

namespace Gateway.UnitTests.Features;

/// <summary>Random puts, deletions, look-ups, expiries, clearings and restarts, against a dictionary: whatever comes, a look-up gives what was put last, and nothing that is gone.</summary>
public sealed class NeverWrongTests : IDisposable
{
    private const int KeyCount = 6000;
    private static readonly TimeSpan TimeToLive = TimeSpan.FromSeconds(30);

    private readonly string _folder = Directory.CreateTempSubdirectory("features").FullName;
    private readonly ManualTimeProvider _time = new();

    // The oracle: of each key its number and when it was put.
    private readonly Dictionary<int, (long Value, long Made)> _rows = [];
    private long _nextValue;
    private int _restarts;
    private long _diskReads;
    private long _expired;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Rows_WhateverComes_AreWhatWasPutLast(int seed)
    {
        Random random = new(seed);
        TestView view = await MakeAsync();
        try
        {
            for (int step = 0; step < 800; step++)
            {
                int what = random.Next(1000);
                if (what < 4) view = await RestartAsync(view);
                else if (what < 6) await ClearAsync(view);
                else if (what < 60) _time.Advance(TimeSpan.FromMilliseconds(random.Next(1, 4000)));
                else if (what < 500) await PutAsync(view, random);
                else if (what < 600) await DeleteAsync(view, random);
                else await LookUpAsync(view, random);
            }

            await LookUpAllAsync(view);
            Note(view);
        }
        finally
        {
            view.Dispose();
        }

        // What did not happen was not tested.
        Assert.True(_restarts > 1 && _diskReads > 1000 && _expired > 0, $"{_restarts} restarts, {_diskReads} reads of the disk, {_expired} expired");
    }

    private Task<TestView> MakeAsync()
    {
        FeatureViewConfig config = TestView.Config() with { TimeToLive = TimeToLive, DiskBytes = 4 << 20 };
        return new TestView(config, _folder, _time).OpenAsync();
    }

    private async Task<TestView> RestartAsync(TestView view)
    {
        _restarts++;
        Note(view);
        view.Dispose();
        TestView next = await MakeAsync();
        Assert.Empty(next.Log.Warnings);
        return next;
    }

    private void Note(TestView view)
    {
        _diskReads += view.View.Counts.DiskReads;
        _expired += view.View.Counts.Expired;
    }

    private async Task ClearAsync(TestView view)
    {
        await view.View.ClearAsync();
        _rows.Clear();
    }

    private async Task PutAsync(TestView view, Random random)
    {
        (int Key, long Value)[] rows = [.. Enumerable.Range(0, random.Next(1, 200)).Select(_ => (random.Next(KeyCount), ++_nextValue))];
        await view.PutAsync([.. rows.Select(row => ($"{row.Key}", row.Value))]);
        foreach ((int key, long value) in rows) _rows[key] = (value, Now());
    }

    private async Task DeleteAsync(TestView view, Random random)
    {
        int[] keys = [.. Enumerable.Range(0, random.Next(1, 50)).Select(_ => random.Next(KeyCount))];
        await view.DeleteAsync([.. keys.Select(key => $"{key}")]);
        foreach (int key in keys) _rows.Remove(key);
    }

    private Task LookUpAsync(TestView view, Random random) => CheckAsync(view, [.. Enumerable.Range(0, random.Next(1, 100)).Select(_ => random.Next(KeyCount))]);

    private Task LookUpAllAsync(TestView view) => CheckAsync(view, [.. Enumerable.Range(0, KeyCount)]);

    private async Task CheckAsync(TestView view, int[] keys)
    {
        long?[] rows = await view.GetAsync([.. keys.Select(key => $"{key}")]);
        for (int i = 0; i < keys.Length; i++)
        {
            long? expected = _rows.TryGetValue(keys[i], out (long Value, long Made) row) && row.Made > Now() - (long)TimeToLive.TotalMilliseconds ? row.Value : null;
            Assert.Equal(expected, rows[i]);
        }
    }

    private long Now() => _time.GetUtcNow().ToUnixTimeMilliseconds();
}
