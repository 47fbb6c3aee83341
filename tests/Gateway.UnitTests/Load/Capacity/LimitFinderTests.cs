using Gateway.Load.Capacity;
using Gateway.Load.Results;

namespace Gateway.UnitTests.Load.Capacity;

public class LimitFinderTests
{
    private static readonly TrialResult Calm = new(0, 1000, 1000, 1, 2, 3, 4, 0, true, true) { ServerCpuCores = 0.3, InstancesBusy = 0.2, BatchRows = 4, QueueMilliseconds = 0.1, ClientBusy = 0.3 };

    [Fact]
    public void Explain_EachResourceUsedUp_NamesIt()
    {
        Assert.StartsWith("the client", Explain(Calm with { ClientBusy = 0.99 }));
        Assert.StartsWith("the client", Explain(Calm with { Throughput = 9_500 }));
        Assert.StartsWith("the device", Explain(Calm with { InstancesBusy = 0.95 }));
        Assert.StartsWith("server CPU", Explain(Calm with { ServerCpuCores = 1.6 }));
        Assert.StartsWith("refusals", Explain(Calm with { ErrorShare = 0.2 }));
        Assert.StartsWith("the queue", Explain(Calm with { QueueMilliseconds = 30 }));
        Assert.StartsWith("latency itself", Explain(Calm));
        Assert.StartsWith("not known", Explain(Calm with { ServerCpuCores = -1 }));
    }

    private static string Explain(TrialResult trial) => LimitFinder.Explain(trial with { Instances = 2 }, clientRate: 10_000, cores: 1.7, objectiveMilliseconds: 50);
}
