using Gateway.Core.Caching;
using Gateway.TestSupport;

namespace Gateway.UnitTests.Caching;

/// <summary>More answers than memory has room for.</summary>
public sealed class SpillTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("spill").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    // Were each answer that is read from the disk written once more, one in thirteen would be pushed out before they are asked for again.
    [Fact]
    public async Task AnswersThatFitTheDisk_AllUsedAlike_StayThere()
    {
        const int answers = 14_000;
        TestModelSetup setup = new() { CreateExecutor = (_, pool, time) => new NumberModel(pool, time, 1) };
        await using CachedModel model = new(setup, options: new CacheOptions { MemoryBytes = 1 << 20, Directory = _folder, DiskBytes = 4 << 20 });
        for (int i = 0; i < answers; i++) await AskAsync(CacheUse.Keep, i);
        await model.Cache.FlushAsync();
        CacheUsage usage = model.Cache.Usage()!;
        Assert.InRange(usage.Bytes, 2 << 20, 3 << 20);
        Random random = new(1);
        for (int i = 0; i < 2 * answers; i++) await AskAsync(CacheUse.Ordinary, random.Next(answers));

        Assert.InRange(model.Counts.DiskHits, answers, 2 * answers);
        Assert.InRange(model.Counts.Misses - answers, 0, answers / 50);

        async Task AskAsync(CacheUse use, int number)
        {
            Assert.Equal([NumberModel.Answer(number)], (await model.Send(use, number).AnswerAsync()).Values);
            if (number % 100 == 0) await model.Cache.FlushAsync();
        }
    }
}
