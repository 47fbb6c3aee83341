using Gateway.Server.Frames;

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
}
