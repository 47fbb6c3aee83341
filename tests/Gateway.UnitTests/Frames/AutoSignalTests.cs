using Gateway.Protocol.Frames;

namespace Gateway.UnitTests.Frames;

public sealed class AutoSignalTests
{
    private readonly AutoSignal _signal = new();

    [Fact]
    public void Wait_AlreadySet_IsOverAtOnceAndTakesTheSignal()
    {
        _signal.Set();
        _signal.Set();

        Assert.True(_signal.WaitAsync().AsTask().IsCompletedSuccessfully);
        Assert.False(_signal.WaitAsync().AsTask().IsCompleted);
    }

    [Fact]
    public async Task Set_WhileWaiting_Wakes()
    {
        for (int i = 0; i < 3; i++)
        {
            ValueTask waiting = _signal.WaitAsync();
            Assert.False(waiting.IsCompleted);
            _signal.Set();
            await waiting;
        }
    }

    [Fact]
    public async Task SetAndWait_FromTwoThreads_NoSignalIsLost()
    {
        const int Rounds = 100_000;
        int set = 0;
        int seen = 0;
        Task setting = Task.Run(
            () =>
            {
                for (int i = 1; i <= Rounds; i++)
                {
                    Volatile.Write(ref set, i);
                    _signal.Set();
                }
            },
            TestContext.Current.CancellationToken);

        // A lost signal leaves this waiting with rounds it has not seen.
        while (seen < Rounds)
        {
            await _signal.WaitAsync();
            seen = Volatile.Read(ref set);
        }

        await setting;
    }

    /// <summary>A setter that finds a signal set leaves it at that: the waiter that takes this signal must then see what was written before.</summary>
    [Fact]
    public async Task Set_WhileAnEarlierSignalIsTaken_IsSeenOrWakes()
    {
        const int Rounds = 500_000;

        // On cache lines of their own.
        const int Line = 32;
        int[] ready = new int[2 * Line];
        int[] written = new int[2 * Line];
        int[] set = new int[2 * Line];
        Task setting = Task.Run(
            () =>
            {
                for (int i = 1; i <= Rounds; i++)
                {
                    SpinUntil(ready, i);
                    Volatile.Write(ref written[Line], i);
                    _signal.Set();
                    Volatile.Write(ref set[Line], i);
                }
            },
            TestContext.Current.CancellationToken);

        int lost = 0;
        Random random = new(1);
        for (int i = 1; i <= Rounds; i++)
        {
            _signal.Set();
            int delay = random.Next(400);
            Volatile.Write(ref ready[Line], i);
            while (delay > 0) Volatile.Write(ref delay, delay - 1);
            await _signal.WaitAsync();
            bool isSeen = Volatile.Read(ref written[Line]) == i;
            SpinUntil(set, i);
            ValueTask again = _signal.WaitAsync();
            if (!again.IsCompleted)
            {
                if (!isSeen) lost++;
                _signal.Set();
            }

            await again;
        }

        await setting;
        Assert.Equal(0, lost);

        static void SpinUntil(int[] cell, int value)
        {
            // A machine with one core must come to the other thread.
            for (int looks = 1; Volatile.Read(ref cell[Line]) < value; looks++)
            {
                if (looks % 1000 == 0) Thread.Yield();
            }
        }
    }
}
