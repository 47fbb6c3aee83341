using Gateway.Core.Caching;
using Gateway.Core.Memory;
using Gateway.Faster;
using Gateway.Protocol;
using Gateway.TestSupport;
using Microsoft.Extensions.Logging.Abstractions;

namespace Gateway.UnitTests.Caching;

/// <summary>What is on disk: more than memory holds, from one life to the next, and what is wrong with it.</summary>
public sealed class RestartTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("cache").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Restart_WhatWasAnsweredBefore_IsAHit()
    {
        await using (CachedModel before = Make()) await AskAsync(before, 0, 500);
        await using CachedModel after = Make();
        await RestoreAsync(after);
        await AskAsync(after, 0, 500);

        Assert.Equal((500, 0), (after.Counts.Hits, after.Counts.Misses));
        Assert.Empty(after.Log.Warnings);
        Assert.Single(Directory.GetDirectories(_folder));
    }

    [Fact]
    public async Task Restart_OtherModelFiles_AreNotBelieved()
    {
        await using (CachedModel before = Make()) await AskAsync(before, 0, 100);
        await using CachedModel after = Make(generation: 2);
        await RestoreAsync(after);
        await AskAsync(after, 0, 100);

        Assert.Equal((0, 100), (after.Counts.Hits, after.Counts.Misses));
    }

    [Fact]
    public async Task Restart_Deleted_StaysDeleted()
    {
        await using (CachedModel before = Make())
        {
            await AskAsync(before, 0, 100);
            before.Cache.Clear("m");
        }

        await using CachedModel after = Make();
        await RestoreAsync(after);
        await AskAsync(after, 0, 100);

        Assert.Equal(0, after.Counts.Hits);
    }

    [Fact]
    public async Task Disk_MoreThanMemory_IsFoundThere()
    {
        // A clock that stands still: on a machine that stalls, nobody has waited for the disk for too long.
        await using CachedModel model = Make(memory: 1 << 20, time: new ManualTimeProvider());
        await AskAsync(model, 0, 20_000);
        await AskAsync(model, 0, 20_000);

        CacheCounts counts = model.Counts;
        Assert.Equal(20_000, counts.Hits);
        Assert.True(counts.DiskHits > 10_000, $"{counts.DiskHits} hits were on disk");
        Assert.True(model.Cache.Usage()!.SpilledBytes > 1 << 20);
    }

    [Fact]
    public async Task Disk_Full_TheOldestGoesAndFilesStayBounded()
    {
        await using CachedModel model = Make(memory: 1 << 20, disk: 16 << 20);
        await AskAsync(model, 0, 200_000, twice: true);
        await model.Cache.FlushAsync();

        Assert.InRange(Directory.GetFiles(_folder, "*", SearchOption.AllDirectories).Sum(file => new FileInfo(file).Length), 10 << 20, 20 << 20);
        Assert.True(model.Counts.Evictions > 50_000);
    }

    [Fact]
    public async Task Disk_Full_ReadWhileItsOldestFilesGo_HasNotFailed()
    {
        // A clock that stands still: a machine that stalls is no disk that does.
        await using CachedModel model = Make(memory: 1 << 20, disk: 4 << 20, time: new ManualTimeProvider());
        int end = 0;
        Task[] lookers = [.. Enumerable.Range(0, 2).Select(seed => Task.Run(() => LookAsync(new Random(seed))))];
        for (; end < 40_000; end++)
        {
            Assert.Equal([NumberModel.Answer(end)], (await model.Send(CacheUse.Refresh, end).AnswerAsync()).Values);
            if (end % 500 == 499) await model.Cache.FlushAsync();
        }

        await Task.WhenAll(lookers);
        Assert.True(model.Counts is { DiskHits: > 100, Evictions: > 10_000 });
        Assert.Empty(model.Log.Warnings);

        async Task LookAsync(Random random)
        {
            // About what is let go of next.
            for (int now = 0; (now = Volatile.Read(ref end)) < 40_000;)
            {
                int number = Math.Max(0, now - 8_000 - random.Next(9_000));
                Assert.Equal([NumberModel.Answer(number)], (await model.Send(CacheUse.NoStore, number).AnswerAsync()).Values);
            }
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public async Task Restart_DamagedFiles_GiveWhatIsWholeAndNothingElse(int seed)
    {
        await using (CachedModel before = Make()) await AskAsync(before, 0, 2000);
        Random random = new(seed);
        foreach (string file in Directory.GetFiles(_folder, "log.*", SearchOption.AllDirectories))
        {
            byte[] bytes = await File.ReadAllBytesAsync(file, TestContext.Current.CancellationToken);
            for (int i = 0; i < 200; i++) bytes[random.Next(bytes.Length)] ^= (byte)(1 << random.Next(8));
            if (seed % 2 == 0) bytes = bytes[..random.Next(bytes.Length)];
            await File.WriteAllBytesAsync(file, bytes, TestContext.Current.CancellationToken);
        }

        await using CachedModel after = Make();
        await RestoreAsync(after);
        await AskAsync(after, 0, 2000);

        Assert.InRange(after.Counts.Hits, 1, 1999);
    }

    [Fact]
    public async Task Running_DamagedFiles_NeverAWrongAnswer()
    {
        await using CachedModel model = Make(memory: 1 << 20);
        await AskAsync(model, 0, 20_000);
        Random random = new(5);
        foreach (string file in Directory.GetFiles(_folder, "log.*", SearchOption.AllDirectories))
        {
            using FileStream stream = new(file, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
            for (int i = 0; i < stream.Length / 2048; i++)
            {
                stream.Position = random.NextInt64(stream.Length);
                stream.WriteByte((byte)random.Next(256));
            }
        }

        await AskAsync(model, 0, 20_000);
        Assert.True(model.Counts.Misses > 20_000);
    }

    [Fact]
    public async Task Disk_CannotBeWritten_OneWarningAndMemoryGoesOn()
    {
        await using CachedModel model = Make(memory: 1 << 20);

        // A folder where the log's first file should be: opening it fails whoever asks, root included.
        Directory.CreateDirectory(Path.Combine(_folder, "log-1", "log.0"));
        await AskAsync(model, 0, 20_000, twice: true);
        long before = model.Counts.Hits;
        await AskAsync(model, 19_000, 20_000);

        Assert.Equal(1000, model.Counts.Hits - before);
        Assert.Single(model.Log.Warnings, warning => warning.Contains("goes on in memory alone", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Folder_InUse_OneWarningAndMemoryAlone()
    {
        await using CachedModel one = Make();
        await using CachedModel other = Make();
        await AskAsync(other, 0, 100);
        await AskAsync(other, 0, 100);

        Assert.Equal(100, other.Counts.Hits);
        Assert.Single(other.Log.Warnings);
    }

    [Fact]
    public async Task Flush_WhileAnswersKeepComing_HappensByTheClock()
    {
        ManualTimeProvider time = new();
        TestModelSetup setup = new() { Time = time, CreateExecutor = (_, pool, clock) => new NumberModel(pool, clock, 1), PoolBytes = 256 << 20 };
        await using CachedModel model = new(setup, options: new CacheOptions { MemoryBytes = 64 << 20, Directory = _folder, DiskBytes = 256 << 20 }, generation: 1);
        for (int i = 0; i < 10_000 && model.Cache.Usage()!.SpilledBytes == 0; i++)
        {
            Assert.Equal([NumberModel.Answer(i)], (await model.Send(i).AnswerAsync()).Values);
            if (i < 100) continue;
            if (i == 100) Assert.Equal(0, model.Cache.Usage()!.SpilledBytes);
            time.Advance(TimeSpan.FromMilliseconds(100));
        }

        Assert.True(model.Cache.Usage()!.SpilledBytes > 0, "nothing was written");
    }

    [Fact]
    public async Task Restart_BrokenOffAgainAndAgain_TakesNoMoreRoomThanItMay()
    {
        string folder = Path.Combine(_folder, "0");
        await using (CachedModel first = Make(memory: 1 << 20, disk: 4 << 20, folder: folder)) await AskAsync(first, 0, 40_000, twice: true);
        long[] sizes = new long[10];
        for (int life = 0; life < sizes.Length; life++)
        {
            // What a process that is killed leaves: the files as they are at that moment.
            string next = Path.Combine(_folder, $"{life + 1}");
            await using (CachedModel killed = Make(memory: 1 << 20, disk: 4 << 20, folder: folder))
            {
                killed.Cache.BeginRestore();
                for (int i = 0; i < 1000; i++) await killed.Send(100_000 + (1000 * life) + i).AnswerAsync();
                Copy(folder, next);
            }

            Directory.Delete(folder, recursive: true);
            folder = next;
            sizes[life] = Directory.GetFiles(folder, "log.*", SearchOption.AllDirectories).Sum(file => new FileInfo(file).Length);
        }

        Assert.All(sizes, size => Assert.InRange(size, 1 << 20, 12 << 20));
        await using CachedModel last = Make(memory: 1 << 20, disk: 4 << 20, folder: folder);
        await RestoreAsync(last);
        Assert.Single(Directory.GetDirectories(folder, "log-*"));

        static void Copy(string from, string to)
        {
            foreach (string file in Directory.GetFiles(from, "*", SearchOption.AllDirectories))
            {
                string target = Path.Combine(to, Path.GetRelativePath(from, file));
                Directory.CreateDirectory(Path.GetDirectoryName(target)!);
                try
                {
                    if (Path.GetFileName(file) != "lock") File.Copy(file, target);
                }
                catch (Exception error) when (error is FileNotFoundException or DirectoryNotFoundException)
                {
                    // Taken over meanwhile.
                }
            }
        }
    }

    [Fact]
    public async Task Restart_MoreThanMemory_IsAllTakenOver()
    {
        // A clock that stands still: on a machine that stalls, nobody has waited for the disk for too long.
        ManualTimeProvider time = new();
        await using (CachedModel before = Make(memory: 1 << 20, time: time)) await AskAsync(before, 0, 20_000);
        await using CachedModel after = Make(memory: 1 << 20, time: time);
        await RestoreAsync(after);
        await AskAsync(after, 0, 20_000);

        // What has been found moves up, and nobody reads the disk for that: there is room for who looks.
        Assert.Equal(20_000, after.Counts.Hits);
        Assert.InRange(after.Counts.Restored, 19_900, 20_000);
        Assert.InRange(after.Counts.Insertions, 0, 100);
    }

    [Fact]
    public async Task Restart_Refreshed_TheLaterOneIsUsed()
    {
        ManualTimeProvider time = new();
        await using (CachedModel before = Make(time: time))
        {
            await AskAsync(before, 0, 100);
            time.Advance(TimeSpan.FromSeconds(1000));
            for (int i = 0; i < 100; i++) await before.Send(CacheUse.Refresh, i).AnswerAsync();
        }

        await using CachedModel after = Make(time: time);
        await RestoreAsync(after);
        await AskAsync(after, 0, 100);
        Assert.Equal((100, 0), (after.Counts.Hits, after.Counts.HitAgeMilliseconds));
    }

    [Fact]
    public async Task Restart_SecretLost_WhatIsThereIsMovedAside()
    {
        await using (CachedModel before = Make()) await AskAsync(before, 0, 100);
        File.Delete(Path.Combine(_folder, "secret"));
        await using CachedModel after = Make();
        await RestoreAsync(after);
        await AskAsync(after, 0, 100);

        Assert.Equal(0, after.Counts.Hits);
        Assert.Single(after.Log.Warnings, warning => warning.Contains("aside-1", StringComparison.Ordinal));
        Assert.NotEmpty(Directory.GetFiles(Path.Combine(_folder, "aside-1"), "log.*", SearchOption.AllDirectories));
    }

    [Fact]
    public async Task Restart_ModelsAreLoadedAfterTheStart_IsTakenOverAllTheSame()
    {
        for (int life = 0; life < 4; life++)
        {
            await using CachedModel model = Make(isLoadedLate: true);
            await model.Cache.Restored;
            await model.Cache.FlushAsync();
            Assert.Single(Directory.GetDirectories(_folder, "log-*"));
            await AskAsync(model, 0, 100);
            Assert.Equal(life == 0 ? 0 : 100, model.Counts.Hits);
        }
    }

    [Theory]
    [InlineData(null)]
    [InlineData("m")]
    public async Task Restart_DeletedBeforeAnyModelWasLoaded_StaysDeleted(string? name)
    {
        await using (CachedModel before = Make()) await AskAsync(before, 0, 100);
        using (BlockPool pool = new(1 << 20, lockPages: false))
        {
            using ResponseCache cache = FasterResponseCache.Create(
                new CacheOptions { MemoryBytes = 4 << 20, Directory = _folder, DiskBytes = 64 << 20 }, pool, TimeProvider.System, NullLogger<ResponseCache>.Instance);
            Assert.Equal(0, cache.Clear(name, unloaded: name is null ? null : [1]));
        }

        await using CachedModel after = Make();
        await RestoreAsync(after);
        await AskAsync(after, 0, 100);
        Assert.Equal((0, 100), (after.Counts.Hits, after.Counts.Misses));
    }

    [Fact]
    public async Task Restart_WhatWasDeletedIsDamaged_NothingIsBelieved()
    {
        await using (CachedModel before = Make()) await AskAsync(before, 0, 100);
        string file = Path.Combine(_folder, "cleared");
        await File.WriteAllTextAsync(file, "", TestContext.Current.CancellationToken);
        await using CachedModel after = Make();
        await RestoreAsync(after);
        await AskAsync(after, 0, 100);

        Assert.Equal((0, 100), (after.Counts.Hits, after.Counts.Misses));
        Assert.Contains(after.Log.Warnings, warning => warning.Contains("is set aside", StringComparison.Ordinal));
        Assert.NotEmpty(await File.ReadAllTextAsync(file, TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task Restart_WhatWasDeletedIsDamagedAndTheClockWasSetBack_NothingIsBelievedOnceItGetsThere()
    {
        ManualTimeProvider time = new() { SetForward = TimeSpan.FromMinutes(30) };
        await using (CachedModel before = Make(time: time)) await AskAsync(before, 0, 100);
        await File.WriteAllTextAsync(Path.Combine(_folder, "cleared"), "", TestContext.Current.CancellationToken);
        time.SetForward = TimeSpan.Zero;
        await using CachedModel after = Make(time: time);
        await RestoreAsync(after);
        time.Advance(TimeSpan.FromMinutes(31));
        await AskAsync(after, 0, 100);

        Assert.Equal((0, 100), (after.Counts.Hits, after.Counts.Misses));
    }

    [Theory]
    [InlineData("cleared")]
    [InlineData("secret")]
    public async Task Restart_CannotReadItsFolder_ItIsLeftForWhoCan(string what)
    {
        await using (CachedModel before = Make()) await AskAsync(before, 0, 100);
        string file = Path.Combine(_folder, what);
        if (File.Exists(file)) File.Move(file, file + ".kept");

        // A folder where a file should be: reading it fails whoever asks, root included.
        Directory.CreateDirectory(file);
        await using (CachedModel without = Make())
        {
            await RestoreAsync(without);
            await AskAsync(without, 0, 100, twice: true);
            Assert.Equal((100, 100), (without.Counts.Hits, without.Counts.Misses));
            Assert.Contains("keeps answers in memory alone", Assert.Single(without.Log.Warnings), StringComparison.Ordinal);
        }

        Directory.Delete(file);
        if (File.Exists(file + ".kept")) File.Move(file + ".kept", file);
        await using CachedModel after = Make();
        await RestoreAsync(after);
        await AskAsync(after, 0, 100);
        Assert.Equal((100, 0), (after.Counts.Hits, after.Counts.Misses));
    }

    [Fact]
    public async Task Restart_NewLogCannotBeWritten_OldOneStaysForTheNextLife()
    {
        await using (CachedModel before = Make()) await AskAsync(before, 0, 100);
        for (int life = 2; life < 4; life++)
        {
            await using CachedModel model = Make();

            // As above.
            Directory.CreateDirectory(Path.Combine(_folder, $"log-{life}", "log.0"));
            await RestoreAsync(model);
            await AskAsync(model, 0, 100);
            Assert.Equal((100, 0), (model.Counts.Hits, model.Counts.Misses));
            Assert.Contains(model.Log.Warnings, warning => warning.Contains("goes on in memory alone", StringComparison.Ordinal));
        }

        await using CachedModel after = Make();
        await RestoreAsync(after);
        await AskAsync(after, 0, 100);
        Assert.Equal((100, 0), (after.Counts.Hits, after.Counts.Misses));
        Assert.Single(Directory.GetDirectories(_folder, "log-*"));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Delete_NoRoomToWriteItDown_NothingIsBelievedByTheNextLifeUnlessALaterOneIs(bool isLater)
    {
        string blocking = Path.Combine(_folder, "cleared.new");
        await using (CachedModel before = Make())
        {
            Assert.Equal(0, before.Cache.Clear("m"));
            await AskAsync(before, 0, 100);
            Directory.CreateDirectory(blocking);
            Assert.Equal(100, before.Cache.Clear("m"));
            Assert.Contains("nothing that is kept there will be used after a restart", Assert.Single(before.Log.Warnings), StringComparison.Ordinal);
            await Task.Delay(TimeSpan.FromMilliseconds(5), TimeProvider.System, TestContext.Current.CancellationToken);
            await AskAsync(before, 100, 200);
            Directory.Delete(blocking);
            if (isLater) before.Cache.Clear("another", unloaded: [1]);
        }

        await using CachedModel after = Make();
        await RestoreAsync(after);
        await AskAsync(after, 0, 200);
        Assert.Equal(isLater ? 100 : 0, after.Counts.Hits);
    }

    [Fact]
    public async Task Delete_CannotBeWrittenDown_IsSaid()
    {
        await using CachedModel model = Make();
        await AskAsync(model, 0, 100);
        Directory.CreateDirectory(Path.Combine(_folder, "cleared.new"));
        Directory.CreateDirectory(Path.Combine(_folder, "cleared"));
        InferenceException error = Assert.Throws<InferenceException>(() => model.Cache.Clear("m"));
        await AskAsync(model, 0, 100);

        Assert.Equal(StatusCode.Unavailable, error.Status);
        Assert.StartsWith("the answers are deleted, but that could not be written to the cache's disk: they may come back after a restart", error.Message, StringComparison.Ordinal);
        Assert.Equal(0, model.Counts.Hits);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("m")]
    public async Task Restart_DeletedAfterTheClockWasSetBack_StaysDeleted(string? name)
    {
        ManualTimeProvider time = new() { SetForward = TimeSpan.FromMinutes(30) };
        await using (CachedModel before = Make(time: time))
        {
            await AskAsync(before, 0, 100);
            time.SetForward = TimeSpan.Zero;
            before.Cache.Clear(name);
        }

        // What is answered now is found, though it seems to be of before the deletion.
        await using (CachedModel after = Make(time: time))
        {
            await RestoreAsync(after);
            await AskAsync(after, 100, 200, twice: true);
            Assert.Equal((100, 100), (after.Counts.Hits, after.Counts.Misses));
        }

        time.SetForward = TimeSpan.FromHours(1);
        await using CachedModel last = Make(time: time);
        await RestoreAsync(last);
        await AskAsync(last, 0, 100);
        Assert.Equal((0, 100), (last.Counts.Hits, last.Counts.Misses));
    }

    [Theory]
    [InlineData(null)]
    [InlineData("m")]
    public async Task Restart_DeletedBeforeAllIsTakenOver_AfterTheClockWasSetBack_StaysDeleted(string? name)
    {
        ManualTimeProvider time = new() { SetForward = TimeSpan.FromMinutes(30) };
        await using (CachedModel before = Make(time: time)) await AskAsync(before, 0, 100);
        time.SetForward = TimeSpan.Zero;
        await using CachedModel after = Make(time: time);
        after.Cache.Clear(name);
        await RestoreAsync(after);
        time.SetForward = TimeSpan.FromHours(1);
        await AskAsync(after, 0, 100);
        Assert.Equal((0, 100), (after.Counts.Hits, after.Counts.Misses));
    }

    [Fact]
    public async Task Restart_NoMemoryToTakeOver_IsSaid()
    {
        await using (CachedModel before = Make()) await AskAsync(before, 0, 100);
        await using CachedModel after = Make(poolBytes: 1 << 20);
        Stack<MemoryBlock> all = [];
        for (int bytes = 1 << 20; bytes > 0; bytes /= 2)
        {
            while (after.Model.Pool.TryRent(bytes, BlockOwner.RequestTensors, out MemoryBlock? block)) all.Push(block);
        }

        after.Cache.BeginRestore();
        await after.Cache.Restored;
        while (all.TryPop(out MemoryBlock? block)) block.Release();
        Assert.Contains("100 answers of the response cache's last life are gone: there was no memory to take them over", after.Log.Warnings);
    }

    private CachedModel Make(int memory = 4 << 20, long disk = 64 << 20, int generation = 1, string? folder = null, TimeProvider? time = null, bool isLoadedLate = false, int poolBytes = 256 << 20)
    {
        CacheOptions options = new() { MemoryBytes = memory, Directory = folder ?? _folder, DiskBytes = disk };
        TestModelSetup setup = new() { Time = time ?? TimeProvider.System, CreateExecutor = (_, pool, clock) => new NumberModel(pool, clock, 1), PoolBytes = poolBytes };
        return new CachedModel(setup, options: options, generation: (UInt128)generation, isLoadedLate: isLoadedLate);
    }

    private static async Task RestoreAsync(CachedModel model)
    {
        model.Cache.BeginRestore();
        await model.Cache.Restored;
        await model.Cache.FlushAsync();
    }

    /// <summary>Asks for numbers and fails on a wrong answer.</summary>
    private static async Task AskAsync(CachedModel model, int from, int to, bool twice = false)
    {
        for (int i = from; i < to; i++)
        {
            for (int time = twice ? 2 : 1; time > 0; time--)
            {
                Answer answer = await model.Send(i).AnswerAsync();
                Assert.Equal([NumberModel.Answer(i)], answer.Values);
            }

            if (i % 500 == 499) await model.Cache.FlushAsync();
        }

        await model.Cache.FlushAsync();
    }
}
