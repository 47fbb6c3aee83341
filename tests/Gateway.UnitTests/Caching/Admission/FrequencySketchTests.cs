using Gateway.Core.Caching.Admission;

namespace Gateway.UnitTests.Caching.Admission;

public sealed class FrequencySketchTests
{
    private const int Entries = 10_000;

    private readonly Random _random = new(1);
    private readonly FrequencySketch _sketch = new(Entries);

    [Fact]
    public void Count_AgainAndAgain_CountsUpToFifteen()
    {
        ulong key = Key();

        Assert.Equal([.. Enumerable.Range(1, 15), 15, 15], Enumerable.Range(0, 17).Select(_ => _sketch.Count(key)));
    }

    [Fact]
    public void Count_KeysThatNeverComeTwice_HardlyLookAsIfTheyDid()
    {
        int more = 0;
        for (int i = 0; i < 100 * Entries; i++)
        {
            if (_sketch.Count(Key()) > 1) more++;
        }

        Assert.InRange(more / (100.0 * Entries), 0, 0.1);
    }

    [Fact]
    public void Count_AmongManyThatComeOnce_WhatComesOftenIsKnown()
    {
        ulong[] often = [.. Enumerable.Range(0, 100).Select(_ => Key())];
        int least = int.MaxValue;
        for (int round = 0; round < 200; round++)
        {
            foreach (ulong key in often)
            {
                int times = _sketch.Count(key);
                if (round > 20) least = Math.Min(least, times);
            }

            for (int i = 0; i < Entries / 10; i++) _sketch.Count(Key());
        }

        // As many are halved as come in a window: each has come eighty times in it.
        Assert.InRange(least, 6, 15);
    }

    [Fact]
    public void Count_NotForLong_IsForgotten()
    {
        ulong key = Key();
        for (int i = 0; i < 15; i++) _sketch.Count(key);
        for (int i = 0; i < 100 * Entries; i++) _sketch.Count(Key());

        Assert.InRange(_sketch.Count(key), 1, 3);
    }

    private ulong Key() => (ulong)_random.NextInt64(long.MinValue, long.MaxValue);
}
