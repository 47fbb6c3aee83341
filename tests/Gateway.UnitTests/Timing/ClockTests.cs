using Gateway.Core.Timing;

namespace Gateway.UnitTests.Timing;

public sealed class ClockTests
{
    [Fact]
    public async Task RealClock_TimerSetEarlierWhileWaiting_FiresInOrderAndNeverEarly()
    {
        TimeProvider time = Clock.Create();
        using IDisposable? disposable = time as IDisposable;
        TaskCompletionSource<long> late = new(TaskCreationOptions.RunContinuationsAsynchronously);
        TaskCompletionSource<long> early = new(TaskCreationOptions.RunContinuationsAsynchronously);
        long start = time.GetTimestamp();

        using ITimer first = time.CreateTimer(_ => late.TrySetResult(time.GetTimestamp()), null, TimeSpan.FromMilliseconds(50), Timeout.InfiniteTimeSpan);
        using ITimer second = time.CreateTimer(_ => early.TrySetResult(time.GetTimestamp()), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        second.Change(TimeSpan.FromMicroseconds(300), Timeout.InfiniteTimeSpan);
        long earlyAt = await early.Task.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);
        long lateAt = await late.Task.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);

        Assert.True(time.GetElapsedTime(start, earlyAt) >= TimeSpan.FromMicroseconds(300));
        Assert.True(time.GetElapsedTime(start, lateAt) >= TimeSpan.FromMilliseconds(50));
        Assert.True(earlyAt < lateAt);
    }

    [Fact]
    public async Task RealClock_DisposedTimer_DoesNotFire()
    {
        TimeProvider time = Clock.Create();
        using IDisposable? disposable = time as IDisposable;
        bool fired = false;
        TaskCompletionSource after = new(TaskCreationOptions.RunContinuationsAsynchronously);

        ITimer gone = time.CreateTimer(_ => fired = true, null, TimeSpan.FromMilliseconds(5), Timeout.InfiniteTimeSpan);
        gone.Dispose();
        using ITimer later = time.CreateTimer(_ => after.SetResult(), null, TimeSpan.FromMilliseconds(10), Timeout.InfiniteTimeSpan);
        await after.Task.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);

        Assert.False(fired);
    }

    [Fact]
    public async Task RealClock_TimersSetWhileTheyAreMade_AllFire()
    {
        TimeProvider time = Clock.Create();
        using IDisposable? disposable = time as IDisposable;

        // One after the other, so that the timer thread is waiting for nothing each time: a timer that it is not told of is never found.
        for (int i = 0; i < 500; i++)
        {
            TaskCompletionSource fired = new(TaskCreationOptions.RunContinuationsAsynchronously);
            using ITimer timer = time.CreateTimer(_ => fired.SetResult(), null, TimeSpan.FromMicroseconds(20), Timeout.InfiniteTimeSpan);
            await fired.Task.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);
        }
    }
}
