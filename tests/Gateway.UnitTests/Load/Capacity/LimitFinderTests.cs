using Gateway.Load.Capacity;
using Gateway.Load.Machine;
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

    [Fact]
    public void Explain_MachineFull_SaysWhoHasIt()
    {
        TrialResult full = Calm with { ServerCpuCores = 1.2, Machine = new Interference(2, 1.95, 0.6, 1.2, 0.1, 0) };

        Assert.Equal("the machine: all 2 cores busy: server 1.2, client 0.6, others 0.1 (2 model instances busy 20 %)", Explain(full, cores: 0));
        Assert.StartsWith("latency itself", Explain(full, cores: 1.7));
        Assert.True(LimitFinder.IsShared(full, 0));
        Assert.False(LimitFinder.IsShared(full, 1.7));
        Assert.False(LimitFinder.IsShared(full with { Machine = full.Machine! with { Client = 0.1 } }, 0));
        Assert.True(LimitFinder.IsShared(full with { Machine = full.Machine! with { Client = 0.1, Others = 0.3 } }, 0));
    }

    [Fact]
    public void Explain_ServerBesideTheClient_HasWhatTheClientLeavesIt() =>
        Assert.StartsWith("server CPU: 1.2 of 1.4 cores busy", Explain(Calm with { ServerCpuCores = 1.2, Machine = new Interference(2, 1.85, 0.6, 1.2, 0, 0) }, cores: 0));

    [Theory]
    [InlineData(true, "server CPU")]
    [InlineData(false, "the device")]
    public void Explain_InstancesAndCpuBothBusy_IsCpuWhereTheyRunOnIt(bool runsOnCpu, string limit) =>
        Assert.StartsWith(limit, Explain(Calm with { ServerCpuCores = 1.65, InstancesBusy = 0.97, RunsOnCpu = runsOnCpu }));

    [Fact]
    public void Explain_InstancesOfUnknownNumber_AreNoDevice() =>
        Assert.StartsWith("latency itself", LimitFinder.Explain(Calm with { InstancesBusy = 1.2, IsBusyEstimate = true }, 10_000, 1.7, 50));

    [Fact]
    public void Explain_BusyByEstimate_SaysAbout() => Assert.Contains("busy about 95 %", Explain(Calm with { InstancesBusy = 0.95, IsBusyEstimate = true }));

    private static string Explain(TrialResult trial, double cores = 1.7) => LimitFinder.Explain(trial with { Instances = 2 }, clientRate: 10_000, cores, objectiveMilliseconds: 50);
}
