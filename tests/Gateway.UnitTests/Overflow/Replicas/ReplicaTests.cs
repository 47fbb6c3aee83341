using Gateway.Core.Overflow.Replicas;
using Gateway.Core.Overflow.Reports;

namespace Gateway.UnitTests.Overflow.Replicas;

public sealed class ReplicaTests
{
    private static readonly ModelKey Digits = new("digits", 0);
    private static readonly ModelKey Faces = new("faces", 2);

    private const long MaximumAge = 300_000;

    private readonly long _later = 10_000_000;
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

    // One that has left is not asked any more; what it was sent before, it may still answer.
    [Fact]
    public void IsHopeless_NoReportForLong_OnlyWhileItIsAsked()
    {
        Fleet fleet = new(MaximumAge);
        _replica.Receive(Digits, Report(1), 1000);
        Assert.True(_replica.Http.TryBegin(1000, 1, out Hop hop));
        Sending sending = new(_replica, _replica.Find(Digits)!, _replica.Http, hop);

        _replica.IsAsked = true;
        Assert.False(sending.IsHopeless(fleet, 1000 + MaximumAge));
        Assert.True(sending.IsHopeless(fleet, _later));
        _replica.IsAsked = false;
        Assert.False(sending.IsHopeless(fleet, _later));
    }

    [Fact]
    public void Receive_AnotherBoot_StartsSlowlyOverAll()
    {
        _replica.Receive(Digits, Report(9), 1000);
        _replica.Http.TryBegin(1000, 1, out Hop hop);
        _replica.Http.Fail(1000, hop, isRefusedConnection: true, mayEject: true);

        _replica.Receive(Digits, Report(10), 2000);
        Assert.Equal((HealthState.Ejected, HealthState.Healthy), (_replica.Http.State, _replica.Grpc.State));
        _replica.Receive(Digits, Report(1) with { Boot = 2 }, 3000);

        Assert.Equal((HealthState.SlowStart, HealthState.SlowStart), (_replica.Http.State, _replica.Grpc.State));
    }

    [Fact]
    public void Receive_AnotherBootOfOneThatIsWarmedUp_IsCold()
    {
        Replica replica = Warm();
        replica.Receive(Digits, Report(9), 1000);

        replica.Receive(Digits, Report(1) with { Boot = 2 }, 2000);

        Assert.Equal((HealthState.Cold, HealthState.Cold), (replica.Http.State, replica.Grpc.State));
        Assert.True(replica.Http.TryBeginWarmUp(2000, out int epoch));
        Assert.True(replica.Http.EndWarmUp(2001, epoch, isWarm: true));
        Assert.Equal((HealthState.SlowStart, HealthState.Cold), (replica.Http.State, replica.Grpc.State));
    }

    [Fact]
    public void Receive_AfterItWasAway_IsColdUntilItIsWarmedUp()
    {
        Replica replica = Warm();
        replica.Receive(Digits, Report(1), 1000);

        replica.Receive(Digits, Report(2), 1000 + (10 * MaximumAge));
        Assert.Equal(HealthState.Healthy, replica.Http.State);
        replica.Receive(Digits, Report(3), 1000 + (21 * MaximumAge));
        Assert.Equal(HealthState.Cold, replica.Http.State);

        replica.Http.TryBeginWarmUp(_later, out int epoch);
        replica.Http.EndWarmUp(_later, epoch, isWarm: true);
        Assert.Equal(HealthState.Healthy, replica.Http.State);
    }

    [Fact]
    public void Receive_AfterAGap_WhatWasThrownOutIsWarmedUpAtOnce()
    {
        Replica replica = Warm();
        replica.Receive(Digits, Report(1), 1000);
        replica.Http.TryBegin(1000, 1, out Hop hop);
        replica.Http.Fail(1000, hop, isRefusedConnection: true, mayEject: true);

        replica.Receive(Digits, Report(2), 1000 + MaximumAge);
        Assert.False(replica.Http.TryBeginWarmUp(1000 + MaximumAge, out _));
        replica.Receive(Digits, Report(3), 1001 + (2 * MaximumAge));

        Assert.True(replica.Http.TryBeginWarmUp(1001 + (2 * MaximumAge), out _));
        Assert.Equal((HealthState.Ejected, HealthState.Healthy), (replica.Http.State, replica.Grpc.State));
    }

    private static Replica Warm()
    {
        Replica replica = new("http://10.0.0.2:8000", warmsUp: true) { MaximumAge = MaximumAge };
        foreach (ReplicaHealth health in (ReplicaHealth[])[replica.Http, replica.Grpc])
        {
            Assert.True(health.TryBeginWarmUp(0, out int epoch));
            Assert.True(health.EndWarmUp(0, epoch, isWarm: true));
        }

        return replica;
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
