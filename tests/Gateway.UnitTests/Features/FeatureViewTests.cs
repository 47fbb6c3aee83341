using Gateway.Core.Features;
using Gateway.Core.Features.Configuration;
using Gateway.Core.Memory;
using Gateway.Features;
using Gateway.Protocol;
using Gateway.Protocol.Tensors;
using Gateway.TestSupport;
using Gateway.UnitTests.Caching;
using Microsoft.Extensions.Logging.Abstractions;

namespace Gateway.UnitTests.Features;

/// <summary>Rows put, replaced, deleted, expired, spilled, cleared away and kept from life to life.</summary>
public sealed class FeatureViewTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("features").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task LookUp_DiskDoesNotAnswerOrNobodyWaits_IsGivenUpAndWhatWasLentStays(bool leaves)
    {
        HeldDisk disk = new();
        ManualTimeProvider time = new();
        using TestView view = await new TestView(time: time, disk: disk).OpenAsync();
        await view.PutAsync(("a", 1));
        disk.Holds = _ => true;
        using CancellationTokenSource gone = new();
        Task<long?[]> found = view.GetUntilAsync(["a"], gone.Token);
        Assert.False(found.IsCompleted);
        if (leaves) await gone.CancelAsync();
        else time.Advance(TimeSpan.FromSeconds(5.1));
        if (leaves) await Assert.ThrowsAnyAsync<OperationCanceledException>(() => found);
        else Assert.Equal("the disk of feature view 'v' does not answer", (await Assert.ThrowsAsync<InferenceException>(() => found)).Message);

        // The keys, and the room for their rows.
        Assert.Equal(2, view.Pool.RentedBlocks(BlockOwner.RequestTensors));
        disk.Answer();
        Assert.True(SpinWait.SpinUntil(() => view.Pool.RentedBlocks(BlockOwner.RequestTensors) == 0, TimeSpan.FromSeconds(20)));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Lost_Rows_AreNotMissedInTheNextLifeEither(bool isCleared)
    {
        using (TestView view = await new TestView(folder: _folder).OpenAsync())
        {
            await view.PutAsync(("a", 1));
            view.View.WriteLoaded([new LoadedFile("a file", 0)]);
            view.View.HasLost();
            await Assert.ThrowsAsync<InferenceException>(() => view.GetAsync("b"));
        }

        using (TestView view = await new TestView(folder: _folder).OpenAsync())
        {
            Assert.True(Assert.Single(view.View.ReadLoaded()).IsDoubted);
            Assert.Equal([1], await view.GetAsync("a"));
            await Assert.ThrowsAsync<InferenceException>(() => view.GetAsync("b"));
            if (isCleared) await view.View.ClearAsync();
            else view.View.WriteLoaded([new LoadedFile("a file", 0)]);
            Assert.Equal([null], await view.GetAsync("b"));
        }

        using TestView last = await new TestView(folder: _folder).OpenAsync();
        Assert.Equal([new LoadedFile("a file", 0)], last.View.ReadLoaded());
        Assert.Equal([null], await last.GetAsync("b"));
    }

    [Fact]
    public async Task Lost_WhileTheSourcesAreLoaded_IsNotMendedByThat()
    {
        using TestView view = await new TestView(folder: _folder).OpenAsync();
        Assert.Empty(view.View.ReadLoaded());
        view.View.HasLost();
        view.View.WriteLoaded([new LoadedFile("a file", 0)]);
        Assert.Empty(view.View.ReadLoaded());
        await Assert.ThrowsAsync<InferenceException>(() => view.GetAsync("b"));
    }

    [Fact]
    public async Task Rows_PutReplacedAndDeleted_AreWhatWasPutLast()
    {
        using TestView view = await new TestView().OpenAsync();

        Assert.Equal(new FeatureChange(2, 0, 0), await view.PutAsync(("a", 1), ("b", 2)));
        Assert.Equal(new FeatureChange(1, 2, 0), await view.PutAsync(("b", 3), ("c", 4), ("c", 5)));
        Assert.Equal([1, 3, 5, null], await view.GetAsync("a", "b", "c", "d"));
        Assert.Equal(new FeatureChange(0, 0, 1), await view.DeleteAsync("b", "d", "b"));
        Assert.Equal([1, null, 5], await view.GetAsync("a", "b", "c"));
        Assert.Equal(new FeatureChange(0, 0, 2), await view.View.ClearAsync());
        await view.PutAsync(("b", 6));
        Assert.Equal([null, 6, null], await view.GetAsync("a", "b", "c"));
        Assert.Equal((1, 6, 4), (view.View.Rows, view.View.Counts.Hits, view.View.Counts.Misses));
    }

    [Fact]
    public async Task Keys_OfAnyLength_AreToldApart()
    {
        using TestView view = await new TestView().OpenAsync();
        string[] keys = [.. Enumerable.Range(0, 70).Select(length => new string('x', length)), .. Enumerable.Range(1, 40).Select(length => new string('\0', length))];
        await view.PutAsync([.. keys.Select((key, i) => (key, (long)i))]);

        Assert.Equal(Enumerable.Range(0, keys.Length).Select(i => (long?)i), await view.GetAsync(keys));
    }

    [Fact]
    public async Task Row_WhoseTimeIsOver_IsMissingFromTheMillisecondOn()
    {
        ManualTimeProvider time = new();
        using TestView view = await new TestView(TestView.Config() with { TimeToLive = TimeSpan.FromSeconds(10) }, time: time).OpenAsync();
        await view.PutAsync(("a", 1));
        time.Advance(TimeSpan.FromMilliseconds(9_999));
        Assert.Equal([1], await view.GetAsync("a"));
        time.Advance(TimeSpan.FromMilliseconds(1));
        Assert.Equal([null], await view.GetAsync("a"));
        await view.PutAsync(("a", 2));
        Assert.Equal([2], await view.GetAsync("a"));
    }

    [Fact]
    public async Task Disk_MoreThanMemory_AllRowsAreThereAndSomeAreRead()
    {
        using TestView view = await new TestView(folder: _folder).OpenAsync();
        await view.PutAsync(0, 20_000);
        string[] keys = [.. Enumerable.Range(0, 20_000).Select(i => $"{i}")];

        Assert.Equal(Enumerable.Range(0, 20_000).Select(i => (long?)i), await view.GetAsync(keys));
        Assert.True(view.View.Counts.DiskReads > 10_000, $"{view.View.Counts.DiskReads} were read");
        Assert.InRange(view.View.Usage()!.MemoryBytes, 1, 1 << 20);
        Assert.Equal(20_000, view.View.Rows);
    }

    [Fact]
    public async Task Disk_AskedByManyAtOnce_AllAreAnswered()
    {
        using TestView view = await new TestView(folder: _folder).OpenAsync();
        await view.PutAsync(0, 10_000);
        Task<long?[]>[] all = [.. Enumerable.Range(0, 200).Select(at => Task.Run(() => view.GetAsync([.. Enumerable.Range(0, 50).Select(i => $"{((at * 50) + (i * 197)) % 10_000}")])))];
        for (int at = 0; at < all.Length; at++) Assert.Equal(Enumerable.Range(0, 50).Select(i => (long?)(((at * 50) + (i * 197)) % 10_000)), await all[at]);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Rows_ReplacedForEver_TakeNoMoreRoomThanTheyMay(bool hasDisk)
    {
        using TestView view = await new TestView(TestView.Config() with { DiskBytes = 4 << 20 }, hasDisk ? _folder : null).OpenAsync();
        int rows = hasDisk ? 3000 : 800;
        for (int round = 0; round < 8; round++) await view.PutAsync(0, rows, plus: round);

        Assert.Equal(Enumerable.Range(0, rows).Select(i => (long?)i + 7), await view.GetAsync([.. Enumerable.Range(0, rows).Select(i => $"{i}")]));
        Assert.Equal(rows, view.View.Rows);
        Assert.True(view.View.Usage()!.LogBytes <= view.View.Usage()!.Capacity);
        if (hasDisk) Assert.InRange(Directory.GetFiles(_folder, "log.*", SearchOption.AllDirectories).Sum(file => new FileInfo(file).Length), 1 << 20, 6 << 20);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Rows_LookedUpWhileOthersAreReplacedForEver_AreAllThere(bool hasDisk)
    {
        using TestView view = await new TestView(TestView.Config() with { DiskBytes = 4 << 20 }, hasDisk ? _folder : null).OpenAsync();
        int rows = hasDisk ? 6000 : 800;
        await view.PutAsync(0, rows);
        using CancellationTokenSource end = new();
        Task<long>[] lookers = [.. Enumerable.Range(0, 2).Select(seed => Task.Run(() => LookAsync(new Random(seed))))];

        // A third of them, so that what is moved lies between what was replaced.
        for (int round = 1; round <= 30; round++) await view.PutAsync([.. Enumerable.Range(0, rows / 3).Select(i => ($"{3 * i}", 3L * i))]);
        await end.CancelAsync();
        long looks = 0;
        foreach (Task<long> looker in lookers) looks += await looker;

        Assert.True(looks > 100, $"{looks} look-ups");
        Assert.Equal([null], await view.GetAsync("none"));
        Assert.Empty(view.Log.Warnings);

        async Task<long> LookAsync(Random random)
        {
            long done = 0;
            for (; !end.IsCancellationRequested; done++)
            {
                int[] which = [.. Enumerable.Range(0, 16).Select(_ => random.Next(rows))];
                Assert.Equal(which.Select(i => (long?)i), await view.GetAsync([.. which.Select(i => $"{i}")]));
            }

            return done;
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Rows_WithoutRoom_AreRefusedAndNoneIsLost(bool hasDisk)
    {
        using TestView view = await new TestView(TestView.Config() with { DiskBytes = 4 << 20 }, hasDisk ? _folder : null).OpenAsync();
        int put = 0;
        InferenceException? error = null;
        while (error is null)
        {
            try
            {
                await view.PutAsync(put, put + 100);
                put += 100;
            }
            catch (InferenceException full)
            {
                error = full;
            }
        }

        Assert.Equal(StatusCode.ResourceExhausted, error.Status);
        Assert.Matches(@"^feature view 'v' is full: \d+ of 100 rows were put$", error.Message);
        Assert.InRange(put, hasDisk ? 8000 : 1000, hasDisk ? 10_500 : 3000);
        Assert.Equal(Enumerable.Range(0, put).Select(i => (long?)i), await view.GetAsync([.. Enumerable.Range(0, put).Select(i => $"{i}")]));

        // What is deleted makes room.
        await view.DeleteAsync([.. Enumerable.Range(0, put / 2).Select(i => $"{i}")]);
        await view.PutAsync(("new", 7));
        Assert.Equal([7, null, put - 1], await view.GetAsync("new", "0", $"{put - 1}"));
    }

    [Fact]
    public async Task Rows_WhoseTimeIsOver_MakeRoom()
    {
        ManualTimeProvider time = new();
        using TestView view = await new TestView(TestView.Config() with { TimeToLive = TimeSpan.FromSeconds(10) }, time: time).OpenAsync();
        for (int round = 0; round < 20; round++)
        {
            await view.PutAsync(round * 500, (round + 1) * 500);
            time.Advance(TimeSpan.FromSeconds(6));
        }

        Assert.True(view.View.Counts.Expired > 5000, $"{view.View.Counts.Expired} have expired");
        Assert.Equal(10_000 - view.View.Counts.Expired, view.View.Rows);
        Assert.Equal([9999, null], await view.GetAsync("9999", "0"));
    }

    [Fact]
    public async Task Row_WhoseTimeIsOver_IsNotDeletedAndIsCreatedAnew()
    {
        ManualTimeProvider time = new();
        using TestView view = await new TestView(TestView.Config() with { TimeToLive = TimeSpan.FromSeconds(10) }, time: time).OpenAsync();
        await view.PutAsync(("a", 1), ("b", 1));
        time.Advance(TimeSpan.FromSeconds(11));
        Assert.Equal(default, await view.DeleteAsync("a"));
        Assert.Equal(new FeatureChange(1, 0, 0), await view.PutAsync(("b", 2)));
        Assert.Equal([null, 2], await view.GetAsync("a", "b"));
    }

    [Fact]
    public async Task Clear_WhichCannotBeWrittenDown_IsAnErrorThatSaysSo()
    {
        using TestView view = await new TestView(folder: _folder).OpenAsync();
        await view.PutAsync(("a", 1));
        Directory.CreateDirectory(Path.Combine(_folder, "v", "cleared.new"));
        InferenceException error = await Assert.ThrowsAsync<InferenceException>(() => view.View.ClearAsync());
        Assert.Equal(StatusCode.Unavailable, error.Status);
        Assert.StartsWith("feature view 'v' cannot be changed: ", error.Message, StringComparison.Ordinal);
        Assert.Equal([1], await view.GetAsync("a"));
    }

    [Fact]
    public async Task Restart_WhatWasAcknowledged_IsThereAndWhatWasDeletedIsNot()
    {
        for (int life = 0; life < 4; life++)
        {
            using TestView view = await new TestView(folder: _folder).OpenAsync();
            if (life > 0) Assert.Equal([life - 1, null, 4], await view.GetAsync("a", "b", "4"));
            Assert.Equal(life == 0 ? 0 : 5000, view.View.Rows);
            await view.PutAsync(("a", life), ("b", life));
            if (life == 0) await view.PutAsync(1, 5000);
            await view.DeleteAsync("b");
            Assert.Empty(view.Log.Warnings);
        }

        // Of each life there is no more than the last.
        Assert.Single(Directory.GetDirectories(Path.Combine(_folder, "v")));
    }

    [Fact]
    public async Task Restart_Cleared_StaysClearedAndIsUsedOn()
    {
        using (TestView before = await new TestView(folder: _folder).OpenAsync())
        {
            await before.PutAsync(0, 100);
            await before.View.ClearAsync();
            await before.PutAsync(("5", 50));
        }

        using TestView after = await new TestView(folder: _folder).OpenAsync();
        Assert.Equal([null, 50], await after.GetAsync("4", "5"));
        Assert.Equal(1, after.View.Rows);
    }

    [Fact]
    public async Task Restart_OtherKindOfRows_AreSetAside()
    {
        using (TestView before = await new TestView(folder: _folder).OpenAsync()) await before.PutAsync(0, 100);
        using TestView after = await new TestView(TestView.Config() with { DataType = DataType.Fp64 }, _folder).OpenAsync();

        Assert.Equal([null], await after.GetAsync("4"));
        Assert.Contains("aside", Assert.Single(after.Log.Warnings), StringComparison.Ordinal);
        Assert.Contains(Directory.GetFiles(_folder, "log.*", SearchOption.AllDirectories), file => file.Contains("aside", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Restart_DamagedFiles_GiveRowsThatWerePutAndNoOthers(int seed)
    {
        using (TestView before = await new TestView(folder: _folder).OpenAsync()) await before.PutAsync(0, 5000);
        Damage(seed, perByte: 4096, cut: seed == 2);
        using TestView after = await new TestView(folder: _folder).OpenAsync();
        long?[] rows = await after.GetAsync([.. Enumerable.Range(0, 5000).Select(i => $"{i}")]);

        Assert.InRange(rows.Count(row => row is null), 1, 4999);
        Assert.All(Enumerable.Range(0, 5000), i => Assert.True(rows[i] is null || rows[i] == i));
        Assert.Equal(rows.Count(row => row is not null), after.View.Rows);
        Assert.Contains(after.Log.Warnings, warning => warning.Contains("damaged", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Running_DamagedFiles_AreAnErrorAndNeverAMissingRow()
    {
        using TestView view = await new TestView(folder: _folder).OpenAsync();
        await view.PutAsync(0, 20_000);
        Damage(3, perByte: 8192, cut: false);
        int errors = 0;
        for (int i = 0; i < 20_000; i += 7)
        {
            try
            {
                Assert.Equal([i], await view.GetAsync($"{i}"));
            }
            catch (InferenceException error)
            {
                Assert.Equal((StatusCode.Unavailable, "feature view 'v' has rows that cannot be read"), (error.Status, error.Message));
                errors++;
            }
        }

        Assert.InRange(errors, 100, 2800);
    }

    [Fact]
    public async Task Folder_InUse_TheViewCannotBeUsedAndSaysWhy()
    {
        using TestView one = await new TestView(folder: _folder).OpenAsync();
        using TestView other = await new TestView(folder: _folder).OpenAsync();

        Assert.Equal((FeatureViewState.Ready, FeatureViewState.Unavailable), (one.View.State, other.View.State));
        InferenceException error = await Assert.ThrowsAsync<InferenceException>(() => other.PutAsync(("a", 1)));
        Assert.Equal(StatusCode.Unavailable, error.Status);
        Assert.StartsWith("feature view 'v' cannot be used: ", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Disk_CannotBeWritten_PutsAreRefusedAndMemoryAnswers()
    {
        TestView view = await new TestView(folder: _folder).OpenAsync();
        await view.PutAsync(0, 10);

        // A folder where the log's second file should be: opening it fails whoever asks, root included.
        Directory.CreateDirectory(Path.Combine(_folder, "v", "log-1", "log.1"));
        InferenceException error = await Assert.ThrowsAsync<InferenceException>(() => view.PutAsync(10, 30_000));

        Assert.Equal(StatusCode.Unavailable, error.Status);
        Assert.Contains("its disk has failed", error.Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<InferenceException>(() => view.PutAsync(("a", 1)));
        view.Dispose();
        Assert.Single(view.Log.Warnings, warning => warning.Contains("has failed", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Disk_DoesNotAnswer_RowsInMemoryAreFoundAllTheSame()
    {
        HeldDisk disk = new() { MostReads = 32 };
        using TestView view = await new TestView(disk: disk).OpenAsync();
        await view.PutAsync(0, 200);
        HashSet<Core.Caching.Keys.CacheKey> held = [.. Enumerable.Range(0, 100).Select(i => view.View.KeyOf(System.Text.Encoding.UTF8.GetBytes($"{i}")))];
        disk.Holds = held.Contains;
        Task<long?[]>[] slow = [.. Enumerable.Range(0, 100).Select(i => view.GetAsync($"{i}"))];
        Assert.Equal(32, disk.Reads);
        for (int i = 100; i < 200; i++) Assert.Equal([i], await view.GetAsync($"{i}"));
        Assert.DoesNotContain(slow, task => task.IsCompleted);
        while (!slow.All(task => task.IsCompleted))
        {
            disk.Answer();
            await Task.Yield();
        }

        for (int i = 0; i < 100; i++) Assert.Equal([i], await slow[i]);
    }

    [Fact]
    public async Task Restart_SecretLost_RowsAreMovedAsideAndSourcesAreToBeLoadedAgain()
    {
        using (TestView before = await new TestView(folder: _folder).OpenAsync())
        {
            await before.PutAsync(0, 1000);
            before.View.WriteLoaded([new LoadedFile("rows.csv", 0)]);
        }

        File.Delete(Path.Combine(_folder, "v", "secret"));
        using TestView after = await new TestView(folder: _folder).OpenAsync();
        Assert.Contains("aside-1", Assert.Single(after.Log.Warnings), StringComparison.Ordinal);
        Assert.NotEmpty(Directory.GetFiles(Path.Combine(_folder, "v", "aside-1"), "log.*", SearchOption.AllDirectories));
        Assert.Empty(after.View.ReadLoaded());
    }

    [Fact]
    public async Task Restart_Damaged_FilesAreKeptAndOfSourcesWhatIsMissingIsLoadedAgain()
    {
        FeatureViewConfig config = TestView.Config() with { Sources = [Source("rows.csv", 0, 5000)] };
        using (TestView before = await LoadAsync(config))
        {
            Assert.Equal(5000, before.View.Rows);
            await before.PutAsync(("0", 70), ("4999", 71));
            await before.DeleteAsync("1", "4998");
        }

        // Its first file alone: rows of the source, and nothing of what came after them.
        Damage(1, perByte: 100_000, cut: false, files: "log.0");
        using (TestView restored = await new TestView(config, _folder).OpenAsync())
        {
            Assert.InRange(restored.View.Rows, 1, 4997);
            Assert.NotEmpty(Directory.GetFiles(Path.Combine(_folder, "v", "aside-1")));
            Assert.True(Assert.Single(restored.View.ReadLoaded()).IsDoubted);
        }

        string[] keys = [.. Enumerable.Range(0, 5000).Select(i => $"{i}")];
        using (TestView mended = await LoadAsync(config))
        {
            Assert.Equal(Enumerable.Range(0, 5000).Select(i => i is 1 or 4998 ? null : i == 0 ? 70 : i == 4999 ? 71 : (long?)i), await mended.GetAsync(keys));
            Assert.Equal(4998, mended.View.Rows);
            Assert.False(Assert.Single(mended.View.ReadLoaded()).IsDoubted);
        }

        // One that has really changed is put over everything.
        Source("rows.csv", 0, 5000, plus: 100_000);
        using TestView changed = await LoadAsync(config);
        Assert.Equal(Enumerable.Range(0, 5000).Select(i => (long?)i + 100_000), await changed.GetAsync(keys));
    }

    [Fact]
    public async Task Restart_NewestRowsDamaged_SourceIsAsItWasLoadedLast()
    {
        FeatureViewConfig config = TestView.Config() with { Sources = [Source("rows.csv", 0, 5000)] };
        using (TestView before = await LoadAsync(config)) await before.PutAsync(("1", 71));
        Source("rows.csv", 0, 5000, plus: 100_000);
        using (TestView changed = await LoadAsync(config))
        {
            await changed.PutAsync(("0", 70));
            await changed.DeleteAsync("2");
        }

        // Of the rows of the changed file alone.
        for (int life = 0; life < 2; life++)
        {
            if (life == 0) Damage(1, perByte: 50_000, cut: false, files: "log.2");
            using TestView mended = await LoadAsync(config);
            Assert.Equal(Enumerable.Range(0, 5000).Select(i => i == 2 ? null : i == 0 ? 70 : (long?)i + 100_000), await mended.GetAsync([.. Enumerable.Range(0, 5000).Select(i => $"{i}")]));
            Assert.Equal(life == 0 ? 1 : 0, mended.Log.Warnings.Count(warning => warning.Contains("were damaged", StringComparison.Ordinal)));
        }
    }

    [Fact]
    public async Task Restart_NewestRowsDamaged_OfTwoSourcesTheOneThatWasLoadedLastCounts()
    {
        FeatureViewConfig config = TestView.Config() with { Sources = [Source("a.csv", 0, 2000), Source("b.csv", 0, 2000, plus: 100_000)] };
        using (TestView before = await LoadAsync(config)) Assert.Equal([100_000], await before.GetAsync("0"));
        Source("a.csv", 0, 2000, plus: 200_000);
        using (TestView changed = await LoadAsync(config)) Assert.Equal([200_000], await changed.GetAsync("0"));
        Damage(1, perByte: 10_000, cut: false, files: "log.2");
        using TestView mended = await LoadAsync(config);
        Assert.Equal(Enumerable.Range(0, 2000).Select(i => (long?)i + 200_000), await mended.GetAsync([.. Enumerable.Range(0, 2000).Select(i => $"{i}")]));
        Assert.Contains(mended.Log.Warnings, warning => warning.Contains("were damaged", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Clear_CannotBeWrittenDown_ChangesNothing()
    {
        FeatureViewConfig config = TestView.Config() with { Sources = [Source("rows.csv", 0, 10)] };
        using (TestView view = await LoadAsync(config))
        {
            Directory.CreateDirectory(Path.Combine(_folder, "v", "cleared.new"));
            await Assert.ThrowsAsync<InferenceException>(view.View.ClearAsync);
            Assert.Equal([1], await view.GetAsync("1"));
        }

        using (TestView view = await LoadAsync(config))
        {
            Assert.Equal([1], await view.GetAsync("1"));

            // What was loaded need not be written.
            Directory.Delete(Path.Combine(_folder, "v", "cleared.new"));
            Directory.CreateDirectory(Path.Combine(_folder, "v", "loaded.new"));
            Assert.Equal(new FeatureChange(0, 0, 10), await view.View.ClearAsync());
            Directory.Delete(Path.Combine(_folder, "v", "loaded.new"));
        }

        for (int life = 0; life < 2; life++)
        {
            using TestView view = await LoadAsync(config);
            Assert.Equal([null], await view.GetAsync("1"));
        }

        // Changed after that, it is loaded, and what is lost of it is again.
        Source("rows.csv", 0, 5000, plus: 100_000);
        using (TestView changed = await LoadAsync(config)) Assert.Equal([100_001], await changed.GetAsync("1"));
        Damage(1, perByte: 50_000, cut: false, files: "log.0");
        using TestView mended = await LoadAsync(config);
        Assert.Equal(Enumerable.Range(0, 5000).Select(i => (long?)i + 100_000), await mended.GetAsync([.. Enumerable.Range(0, 5000).Select(i => $"{i}")]));
    }

    [Fact]
    public async Task Restart_DamagedAfterAllWasDeleted_SourcesAreNotLoadedAgain()
    {
        FeatureViewConfig config = TestView.Config() with { Sources = [Source("rows.csv", 0, 100)] };
        using (TestView before = await LoadAsync(config))
        {
            await before.View.ClearAsync();
            await before.PutAsync(1000, 6000);
        }

        for (int life = 0; life < 2; life++)
        {
            Damage(1, perByte: 100_000, cut: false);
            using TestView after = await LoadAsync(config);
            Assert.InRange(after.View.Rows, 1, 4999);
            Assert.Equal([null, null], await after.GetAsync("0", "99"));
        }
    }

    [Fact]
    public async Task Restart_AllIsLost_OfTwoSourcesTheLaterCountsAsItDid()
    {
        FeatureViewConfig config = TestView.Config() with { Sources = [Source("a.csv", 0, 100), Source("b.csv", 50, 150, plus: 1000)] };
        using (TestView before = await LoadAsync(config)) before.View.HasLost();
        foreach (string file in Directory.GetFiles(_folder, "log.*", SearchOption.AllDirectories)) File.Delete(file);
        using TestView after = await LoadAsync(config);
        Assert.Equal([49, 1050, 1149, null], await after.GetAsync("49", "50", "149", "150"));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Clear_AfterTheClockWasSetBack_NothingOfBeforeIsFound(bool restarts)
    {
        ManualTimeProvider time = new() { SetForward = TimeSpan.FromMinutes(30) };
        TestView view = await new TestView(folder: _folder, time: time).OpenAsync();
        await view.PutAsync(("a", 1), ("b", 2));
        if (restarts)
        {
            view.Dispose();
            view = await new TestView(folder: _folder, time: time).OpenAsync();
        }

        time.SetForward = TimeSpan.Zero;
        Assert.Equal(new FeatureChange(0, 0, 2), await view.View.ClearAsync());
        Assert.Equal([null, null], await view.GetAsync("a", "b"));
        await view.PutAsync(("b", 3));
        Assert.Equal([null, 3], await view.GetAsync("a", "b"));
        view.Dispose();
        time.SetForward = TimeSpan.FromHours(1);
        using TestView after = await new TestView(folder: _folder, time: time).OpenAsync();
        Assert.Equal([null, 3], await after.GetAsync("a", "b"));
        Assert.Equal(1, after.View.Rows);
    }

    /// <summary>Writes a file of rows.</summary>
    private string Source(string name, int from, int until, long plus = 0)
    {
        string file = Path.Combine(_folder, name);
        File.WriteAllLines(file, Enumerable.Range(from, until - from).Select(i => $"{i},{string.Join(',', Enumerable.Repeat(i + plus, TestView.Elements))}"));
        return file;
    }

    /// <summary>Starts a view as the server does, with its sources.</summary>
    private async Task<TestView> LoadAsync(FeatureViewConfig config)
    {
        TestView view = new(config, _folder);
        await new FeatureSources(view.Views, NullLogger<FeatureSources>.Instance).RunAsync(TestContext.Current.CancellationToken);
        Assert.Null(view.View.Problem);
        return view;
    }

    private void Damage(int seed, int perByte, bool cut, string files = "log.*")
    {
        Random random = new(seed);
        foreach (string file in Directory.GetFiles(_folder, files, SearchOption.AllDirectories))
        {
            using FileStream stream = new(file, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
            for (int i = 0; i < stream.Length / perByte; i++)
            {
                stream.Position = random.NextInt64(stream.Length);
                int value = stream.ReadByte();
                stream.Position--;
                stream.WriteByte((byte)(value ^ (1 << random.Next(8))));
            }

            if (cut) stream.SetLength(random.NextInt64(stream.Length));
        }
    }
}
