using Gateway.Server.Remote;
using Gateway.TestSupport;
using Polly;
using Polly.CircuitBreaker;

namespace Gateway.UnitTests.Remote;

/// <summary>What is tried again, and when an upstream is left alone.</summary>
public sealed class UpstreamPipelineTests
{
    private readonly ManualTimeProvider _time = new();
    private readonly RemoteCounts _counts = new();
    private readonly List<string> _states = [];
    private readonly ResiliencePipeline _pipeline;
    private int _attempts;

    public UpstreamPipelineTests() => _pipeline = UpstreamPipeline.Create(_time, _counts, why => _states.Add(why?.Message ?? "closed"));

    [Theory]
    [InlineData(UpstreamFailure.Connect, 2)]
    [InlineData(UpstreamFailure.Broken, 2)]
    [InlineData(UpstreamFailure.TimedOut, 1)]
    [InlineData(UpstreamFailure.Truncated, 1)]
    [InlineData(UpstreamFailure.Garbage, 1)]
    [InlineData(UpstreamFailure.TooLarge, 1)]
    [InlineData(UpstreamFailure.BadGateway, 1)]
    [InlineData(UpstreamFailure.Refused, 1)]
    [InlineData(UpstreamFailure.Failed, 1)]
    public async Task Failure_IsTriedAgain_OnlyIfNothingWasAnswered(UpstreamFailure failure, int attempts)
    {
        Assert.Equal(failure, (await Assert.ThrowsAsync<UpstreamException>(() => RunAsync(failure))).Failure);

        Assert.Equal((attempts, attempts - 1), (_attempts, (int)_counts.Retries));
    }

    [Theory]
    [InlineData(UpstreamFailure.Connect)]
    [InlineData(UpstreamFailure.TimedOut)]
    [InlineData(UpstreamFailure.Garbage)]
    [InlineData(UpstreamFailure.BadGateway)]
    public async Task TwoFailures_OpenTheBreaker_AndATrialClosesIt(UpstreamFailure failure)
    {
        await FailAsync(failure);
        Assert.Equal(0, _counts.BreakerState);
        await FailAsync(failure);
        Assert.Equal(2, _counts.BreakerState);
        int before = _attempts;

        BrokenCircuitException open = await Assert.ThrowsAsync<BrokenCircuitException>(() => RunAsync(null));
        Assert.Equal("why", open.InnerException!.Message);
        Assert.Equal(before, _attempts);

        _time.Advance(TimeSpan.FromSeconds(1.1));
        Assert.Equal(7, await RunAsync(null));
        Assert.Equal(0, _counts.BreakerState);
        Assert.Equal(["why", "closed"], _states);
    }

    [Fact]
    public async Task OneFailureAmongAnswers_LeavesTheBreakerClosed()
    {
        for (int i = 0; i < 10; i++)
        {
            Assert.Equal(7, await RunAsync(null));
            await FailAsync(UpstreamFailure.Garbage);
        }

        Assert.Equal(0, _counts.BreakerState);
    }

    [Fact]
    public async Task FailedTrials_MakeThePausesLonger()
    {
        await FailAsync(UpstreamFailure.Connect);
        await FailAsync(UpstreamFailure.Connect);
        _time.Advance(TimeSpan.FromSeconds(1.1));
        await FailAsync(UpstreamFailure.Connect);

        _time.Advance(TimeSpan.FromSeconds(1.1));
        await Assert.ThrowsAsync<BrokenCircuitException>(() => RunAsync(null));
        _time.Advance(TimeSpan.FromSeconds(1.1));
        Assert.Equal(7, await RunAsync(null));
    }

    [Theory]
    [InlineData(UpstreamFailure.Refused)]
    [InlineData(UpstreamFailure.Failed)]
    [InlineData(UpstreamFailure.Invalid)]
    [InlineData(UpstreamFailure.BatchTooLarge)]
    public async Task ClearAnswers_LeaveTheBreakerClosed(UpstreamFailure failure)
    {
        for (int i = 0; i < 20; i++) await FailAsync(failure);

        Assert.Equal(0, _counts.BreakerState);
        Assert.Equal(7, await RunAsync(null));
    }

    /// <summary>Requests that give little time say nothing of the upstream; a second without an answer does.</summary>
    [Theory]
    [InlineData(0.99, 0)]
    [InlineData(1, 2)]
    public async Task Overdue_OpensTheBreaker_FromASecondOn(double seconds, int state)
    {
        for (int i = 0; i < 2; i++)
        {
            await Assert.ThrowsAsync<UpstreamException>(() => _pipeline.ExecuteAsync<int>(
                _ => throw new UpstreamException(UpstreamFailure.Overdue, "why", waited: TimeSpan.FromSeconds(seconds)), CancellationToken.None).AsTask());
        }

        Assert.Equal((state, 0), (_counts.BreakerState, (int)_counts.Retries));
    }

    private Task<UpstreamException> FailAsync(UpstreamFailure failure) => Assert.ThrowsAsync<UpstreamException>(() => RunAsync(failure));

    private Task<int> RunAsync(UpstreamFailure? failure) => _pipeline.ExecuteAsync(
        _ =>
        {
            _attempts++;
            return failure is { } kind ? throw new UpstreamException(kind, "why") : ValueTask.FromResult(7);
        },
        CancellationToken.None).AsTask();
}
