using Gateway.Core.Overflow.Replicas;
using Gateway.Core.Overflow.Reports;

namespace Gateway.UnitTests.Overflow.Replicas;

public sealed class ReplicaTests
{
    private static readonly ModelKey Digits = new("digits", 0);
    private static readonly ModelKey Faces = new("faces", 2);

    private readonly Replica _replica = new("http://10.0.0.2:8000");

    [Fact]
    public void New_SaysNothingOfAModel()
    {
        Assert.Null(_replica.Find(Digits));
        Assert.Equal(ReplicaState.Starting, _replica.State);
    }

    [Fact]
    public void Receive_OfOneModel_IsOfThatModel()
    {
        _replica.Receive(Digits, Report(1), 1000);

        Assert.Equal(1u, _replica.Find(Digits)!.Report!.Sequence);
        Assert.Null(_replica.Find(Faces));
        Assert.Null(_replica.Find(Digits with { Version = 1 }));
        Assert.Equal(1000, _replica.LastReportAt);
    }

    [Fact]
    public void Receive_AnotherBoot_ForgetsItsFailures()
    {
        _replica.Receive(Digits, Report(9), 1000);
        _replica.Health.TryBegin(1000, 1, out _);
        _replica.Health.Fail(1000, isRefusedConnection: true, mayEject: true);

        _replica.Receive(Digits, Report(10), 2000);
        Assert.Equal(HealthState.Ejected, _replica.Health.State);
        _replica.Receive(Digits, Report(1) with { Boot = 2 }, 3000);

        Assert.Equal(HealthState.Healthy, _replica.Health.State);
    }

    [Fact]
    public void Keep_ModelsThatAreNotThere_AreGone()
    {
        _replica.Receive(Digits, Report(1), 1000);
        _replica.Receive(Faces, Report(1), 1000);

        _replica.Keep(new HashSet<ModelKey> { Faces });

        Assert.Null(_replica.Find(Digits));
        Assert.NotNull(_replica.Find(Faces));
    }

    [Fact]
    public void Receive_EndlessModels_AreBounded()
    {
        for (int i = 0; i < 10_000; i++) _replica.Receive(new ModelKey($"m{i}", 0), Report(1), 1000);

        Assert.Equal(4096, _replica.Queues.Count());
    }

    private static LoadReport Report(uint sequence) => new(ReplicaState.Serving, sequence, 1, 7000, 150_000, 0, 0, 0);
}
