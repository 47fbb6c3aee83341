using System.Collections.Concurrent;
using Gateway.Core.Caching;
using Gateway.Core.Caching.Keys;
using Gateway.Core.Caching.Storage;
using Gateway.Core.Memory;
using Gateway.Faster;
using Gateway.TestSupport;
using Gateway.UnitTests.Features;
using Microsoft.Win32.SafeHandles;
using static Gateway.UnitTests.Scheduling.BatcherSetups;

namespace Gateway.UnitTests.Caching;

/// <summary>Disks that do not come back from a write.</summary>
public sealed class HangingDiskTests : IDisposable
{
    private static readonly TimeSpan Long = TimeSpan.FromSeconds(30);

    private readonly string _folder = Directory.CreateTempSubdirectory("cache").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task GiveUpDisk_WhileAWriteHangs_AppendsGoOn()
    {
        using ManualResetEventSlim hang = new();
        ConcurrentQueue<string> failures = [];
        using BlockPool pool = new(1 << 20, lockPages: false);
        FasterStore store = new(new StoreContext(1 << 20, _folder, 16 << 20, CacheSecret.Random(), pool, failures.Enqueue), context => new HangingDevice(context, hang));
        int appended = 0;
        Task appending = Task.Factory.StartNew(
            () =>
            {
                byte[] entry = new byte[1000];
                for (; appended < 4000; appended++) store.Append(new CacheKey((UInt128)appended << 64 | (UInt128)appended, 0), entry);
            },
            CancellationToken.None,
            TaskCreationOptions.LongRunning,
            TaskScheduler.Default);
        for (int seen = -1; seen != Volatile.Read(ref appended) || seen < 200;)
        {
            seen = Volatile.Read(ref appended);
            await Task.WhenAny(appending, Task.Delay(TimeSpan.FromMilliseconds(100), TimeProvider.System, TestContext.Current.CancellationToken));
        }

        Assert.False(appending.IsCompleted, $"the disk does not hang: {string.Join(' ', failures)}, {store.SpilledBytes} were written");
        store.GiveUpDisk("it hangs");
        await appending.WaitAsync(Long, TestContext.Current.CancellationToken);
        await Task.Run(() => store.Flush(wait: true), CancellationToken.None).WaitAsync(Long, TestContext.Current.CancellationToken);
        Assert.Equal(["it hangs"], failures);
        Assert.True(store.HasFailed);

        hang.Set();
        await Task.Run(store.Dispose, CancellationToken.None).WaitAsync(Long, TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task Stop_WhileAWriteHangs_Ends()
    {
        PuppetStage stage = new();
        HeldDisk disk = new();
        using ManualResetEventSlim hang = new();
        CachedModel model = new(Puppets(stage, new ManualTimeProvider()), disk: disk);
        Sent sent = model.Send(5);
        (await stage.NextAsync()).Succeed();
        await AssertServedAsync(sent, 5);
        await model.Cache.FlushAsync();
        disk.Hang = hang;
        Task flushed = model.Cache.FlushAsync();
        model.Cache.Patience = TimeSpan.FromMilliseconds(50);
        await Task.Run(async () => await model.DisposeAsync(), CancellationToken.None).WaitAsync(Long, TestContext.Current.CancellationToken);
        Assert.Single(model.Log.Warnings, warning => warning.Contains("its disk hangs", StringComparison.Ordinal));
        Assert.False(flushed.IsCompleted);
        End(disk, hang);
        await flushed;
    }

    [Fact]
    public async Task Misses_WhileAWriteHangs_HoldNoMoreOfThePoolThanTheyMay()
    {
        HeldDisk disk = new();
        using ManualResetEventSlim hang = new();
        TestModelSetup setup = new() { Time = new ManualTimeProvider(), CreateExecutor = (_, pool, time) => new NumberModel(pool, time, 1) };
        CachedModel model = new(setup, options: new CacheOptions { MemoryBytes = 4 << 20 }, disk: disk);
        disk.Hang = hang;
        Task flushed = model.Cache.FlushAsync();
        for (int i = 0; i < 8000; i++) Assert.Equal([NumberModel.Answer(i)], (await model.Send(CacheUse.Keep, i).AnswerAsync()).Values);
        Assert.InRange(model.Model.Pool.RentedBytes, 8 << 20, 16 << 20);
        Assert.True(model.Counts.NotStored > 2000);
        hang.Set();
        await flushed;
        await model.DisposeAsync();
    }

    [Fact]
    public async Task StopOfAView_WhileAWriteHangs_Ends()
    {
        HeldDisk disk = new();
        using ManualResetEventSlim hang = new();
        TestView view = await new TestView(disk: disk).OpenAsync();
        disk.Hang = hang;
        Task put = view.PutAsync(("a", 1));
        view.View.Patience = TimeSpan.FromMilliseconds(50);
        await Task.Run(view.Dispose, CancellationToken.None).WaitAsync(Long, TestContext.Current.CancellationToken);
        Assert.Single(view.Log.Warnings, warning => warning.Contains("its disk hangs", StringComparison.Ordinal));
        Assert.False(put.IsCompleted);
        End(disk, hang);
        await put;
    }

    // A thread that was not waited for flushes once more when this test, and what hung, may be gone.
    private static void End(HeldDisk disk, ManualResetEventSlim hang)
    {
        disk.Hang = null;
        hang.Set();
    }

    private sealed class HangingDevice(StoreContext context, ManualResetEventSlim hang) : LogDevice(context.Folder!, context.Secret, context.OnFailure)
    {
        protected override void WriteFile(SafeFileHandle file, ReadOnlySpan<byte> memory, long offset)
        {
            hang.Wait();
            base.WriteFile(file, memory, offset);
        }
    }
}
