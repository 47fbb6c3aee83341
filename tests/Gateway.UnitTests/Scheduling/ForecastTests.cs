using Gateway.Core.Scheduling;

namespace Gateway.UnitTests.Scheduling;

public sealed class ForecastTests
{
    private const long Now = 1000;

    private readonly BatchingPolicy _policy = new() { MaxBatchRows = 4, FollowsLatencyCurve = false };
    private readonly LatencyModel _latency = new(4);

    [Fact]
    public void FreeAt_WaitsForResources_IsWhenItWillHaveThem() => Assert.Equal(Now + 30, FreeAt(InstanceView.Waiting(Now - 10, wait: 40)));

    [Fact]
    public void FreeAt_Runs_WaitsAfterwards()
    {
        for (int i = 0; i < 100; i++) _latency.Record(4, 100, Now);
        long end = FreeAt(new InstanceView(false, Now, 4));

        Assert.Equal(end + 40, FreeAt(new InstanceView(false, Now, 4, Wait: 40)));
    }

    [Fact]
    public void FreeAt_IdleAndWouldWait_MayHaveThemAtOnce() => Assert.Equal(Now, FreeAt(InstanceView.Idle(wait: 40)));

    [Fact]
    public void Rate_WaitsBeforeEachBatch_IsLess()
    {
        for (int i = 0; i < 100; i++) _latency.Record(4, 100, Now);

        Assert.Equal(Rate(InstanceView.Idle()) / 2, Rate(InstanceView.Idle(wait: _policy.Estimate(4, _latency))), 6);
    }

    private double Rate(InstanceView instance) => Forecast.Rate(new SchedulingView(new RequestQueue(ArrivalOrder.Instance, 1), _latency, [instance], Now, isDraining: false), _policy);

    private long FreeAt(InstanceView instance) => Forecast.FreeAt(new SchedulingView(new RequestQueue(ArrivalOrder.Instance, 1), _latency, [instance], Now, isDraining: false), _policy);
}
