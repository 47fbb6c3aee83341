using Gateway.Core.Overflow.Replicas;
using Gateway.Core.Overflow.Reports;
using Gateway.Server.Overflow.Forwarding;

namespace Gateway.UnitTests.Overflow.Forwarding;

public sealed class ReplicaWarmerTests
{
    [Fact]
    public void Soonest_ManyModels_AreTheFourFirst_InOrder()
    {
        Replica replica = new("http://10.0.0.1:8000");
        foreach ((string name, long version, uint completion) in ((string, long, uint)[])[("d", 0, 4000), ("b", 0, 2000), ("a", 1, 10), ("e", 0, 5000), ("never", 0, uint.MaxValue), ("c", 0, 3000), ("a", 0, 1000), ("hour", 0, 3_600_000_000)])
        {
            replica.Receive(new ModelKey(name, version), new LoadReport(ReplicaState.Serving, 1, 1, completion, 0, 0, 0, 0), now: 0);
        }

        Assert.Equal([("a", 1), ("b", 2), ("c", 3), ("d", 4)], ReplicaWarmer.Soonest(replica).Select(each => (each.Model, (int)each.Completion.TotalMilliseconds)));
    }

    [Fact]
    public void Soonest_NothingReported_IsNone() => Assert.Empty(ReplicaWarmer.Soonest(new Replica("http://10.0.0.1:8000")));
}
