using Gateway.Core.Overflow.Replicas;

namespace Gateway.UnitTests.Overflow.Replicas;

public sealed class ReplicaHealthTests
{
    private const long Millisecond = 1000;
    private const long Second = 1000 * Millisecond;

    // A pause is a second, a fifth more or less: at these times it has not passed, and has.
    private const long Before = 799 * Millisecond;
    private const long After = 1201 * Millisecond;

    private long _now = 100 * Second;

    public enum Event
    {
        Answer,
        Failure,
        ThirdFailure,
        RefusedConnection,
        Abandoned,
        Stall,
        Restart,
        Gap,
    }

    public static TheoryData<HealthState, Event, HealthState> Transitions => new()
    {
        { HealthState.Healthy, Event.Answer, HealthState.Healthy },
        { HealthState.Healthy, Event.Failure, HealthState.Healthy },
        { HealthState.Healthy, Event.ThirdFailure, HealthState.Ejected },
        { HealthState.Healthy, Event.RefusedConnection, HealthState.Ejected },
        { HealthState.Healthy, Event.Abandoned, HealthState.Healthy },
        { HealthState.Healthy, Event.Stall, HealthState.Ejected },
        { HealthState.Healthy, Event.Restart, HealthState.SlowStart },
        { HealthState.Healthy, Event.Gap, HealthState.Healthy },
        { HealthState.Ejected, Event.Answer, HealthState.SlowStart },
        { HealthState.Ejected, Event.Failure, HealthState.Ejected },
        { HealthState.Ejected, Event.ThirdFailure, HealthState.Ejected },
        { HealthState.Ejected, Event.RefusedConnection, HealthState.Ejected },
        { HealthState.Ejected, Event.Abandoned, HealthState.Ejected },
        { HealthState.Ejected, Event.Restart, HealthState.SlowStart },
        { HealthState.Ejected, Event.Gap, HealthState.HalfOpen },
        { HealthState.HalfOpen, Event.Answer, HealthState.SlowStart },
        { HealthState.HalfOpen, Event.Failure, HealthState.Ejected },
        { HealthState.HalfOpen, Event.RefusedConnection, HealthState.Ejected },
        { HealthState.HalfOpen, Event.Abandoned, HealthState.HalfOpen },
        { HealthState.HalfOpen, Event.Restart, HealthState.SlowStart },
        { HealthState.HalfOpen, Event.Gap, HealthState.HalfOpen },
        { HealthState.SlowStart, Event.Answer, HealthState.SlowStart },
        { HealthState.SlowStart, Event.Failure, HealthState.SlowStart },
        { HealthState.SlowStart, Event.ThirdFailure, HealthState.Ejected },
        { HealthState.SlowStart, Event.RefusedConnection, HealthState.Ejected },
        { HealthState.SlowStart, Event.Abandoned, HealthState.SlowStart },
        { HealthState.SlowStart, Event.Stall, HealthState.Ejected },
        { HealthState.SlowStart, Event.Restart, HealthState.SlowStart },
        { HealthState.SlowStart, Event.Gap, HealthState.SlowStart },
    };

    [Theory]
    [MemberData(nameof(Transitions))]
    public void Any_State_AnyEvent(HealthState from, Event what, HealthState to)
    {
        ReplicaHealth health = In(from);
        int before = health.InFlight;

        Apply(health, what);

        Assert.Equal(to, health.State);
        Assert.Equal(before + (what == Event.Stall ? 1 : 0), health.InFlight);
    }

    [Theory]
    [InlineData(HealthState.Healthy, Event.ThirdFailure)]
    [InlineData(HealthState.Healthy, Event.RefusedConnection)]
    [InlineData(HealthState.Healthy, Event.Stall)]
    [InlineData(HealthState.SlowStart, Event.ThirdFailure)]
    [InlineData(HealthState.SlowStart, Event.Stall)]
    public void NoOthers_IsNotThrownOut(HealthState from, Event what)
    {
        ReplicaHealth health = In(from);

        Apply(health, what, mayEject: false);

        Assert.Equal(from, health.State);
        Assert.True(health.Admits(_now, 0, mayEject: false));
    }

    [Fact]
    public void Fail_ARefusalOrAnAnswerBetween_StartsAnew()
    {
        ReplicaHealth health = new(1);
        for (int i = 0; i < 10; i++)
        {
            Fail(health);
            Fail(health);
            Answer(health);
        }

        Assert.Equal(HealthState.Healthy, health.State);
        Assert.Equal(0, health.Ejections);
    }

    [Fact]
    public void Ejected_UntilItsPauseIsOver_GetsNothing()
    {
        ReplicaHealth health = In(HealthState.Ejected);

        Assert.False(health.Admits(_now + Before, 0, mayEject: true));
        Assert.Equal(HealthState.Ejected, health.State);
        Assert.True(health.Admits(_now + After, 0, mayEject: true));
        Assert.Equal(HealthState.HalfOpen, health.State);
    }

    [Fact]
    public void Ejected_AgainAndAgain_PausesDoubleUpTo32Seconds()
    {
        ReplicaHealth health = In(HealthState.Ejected);
        foreach (int seconds in (int[])[1, 2, 4, 8, 16, 32, 32, 32])
        {
            Assert.False(health.Admits(_now + (seconds * Before), 0, mayEject: true));
            _now += seconds * After;
            Assert.True(health.Admits(_now, 0, mayEject: true));
            Fail(health);
            Assert.Equal(HealthState.Ejected, health.State);
        }

        Assert.Equal(9, health.Ejections);
    }

    [Fact]
    public void Ejected_ByOtherSeeds_PausesDiffer()
    {
        HashSet<long> pauses = [];
        for (ulong seed = 0; seed < 20; seed++)
        {
            ReplicaHealth health = new(seed * 2654435761);
            Fail(health, isRefused: true);
            long pause = 0;
            while (!health.Admits(_now + pause, 0, mayEject: true)) pause += Millisecond;
            Assert.InRange(pause, 800 * Millisecond, 1200 * Millisecond);
            pauses.Add(pause);
        }

        Assert.True(pauses.Count > 10);
    }

    [Fact]
    public void Healthy_HalfAMinuteAfter_IsForgiven()
    {
        foreach ((long healthy, int seconds) in ((long, int)[])[(29 * Second, 2), (31 * Second, 1)])
        {
            ReplicaHealth health = In(HealthState.SlowStart);
            _now += 5 * Second;
            Answer(health);
            Assert.Equal(HealthState.Healthy, health.State);

            _now += healthy;
            Answer(health);
            Fail(health, isRefused: true);

            Assert.False(health.Admits(_now + (seconds * Before), 0, mayEject: true));
            Assert.True(health.Admits(_now + (seconds * After), 0, mayEject: true));
        }
    }

    [Theory]
    [InlineData(0, 0.10)]
    [InlineData(2500, 0.55)]
    [InlineData(4000, 0.82)]
    [InlineData(5000, 1.00)]
    [InlineData(60_000, 1.00)]
    public void SlowStart_Share_Grows(int milliseconds, double share)
    {
        ReplicaHealth health = In(HealthState.SlowStart);
        long now = _now + (milliseconds * Millisecond);

        Assert.True(health.Admits(now, (uint)((share - 0.001) * uint.MaxValue), mayEject: true));
        if (share < 1) Assert.False(health.Admits(now, (uint)((share + 0.001) * uint.MaxValue), mayEject: true));
    }

    [Fact]
    public void SlowStart_AnAnswerAfterFiveSeconds_IsHealthy()
    {
        ReplicaHealth health = In(HealthState.SlowStart);

        _now += (5 * Second) - 1;
        Answer(health);
        Assert.Equal(HealthState.SlowStart, health.State);
        _now++;
        Answer(health);

        Assert.Equal(HealthState.Healthy, health.State);
    }

    [Theory]
    [InlineData(1, 150)]
    [InlineData(50, 150)]
    [InlineData(60, 180)]
    [InlineData(1000, 3000)]
    public void Stall_NoAnswerForThriceWhatWasPromised_IsThrownOut(int promised, int stall)
    {
        ReplicaHealth health = new(1);
        health.TryBegin(_now - Second, promised * Millisecond, out _);
        health.TryBegin(_now - Second, promised * Millisecond, out _);
        health.Succeed(_now);

        Assert.True(health.Admits(_now + (stall * Millisecond), 0, mayEject: true));
        Assert.False(health.Admits(_now + (stall * Millisecond) + 1, 0, mayEject: true));
        Assert.Equal(1, health.Ejections);
    }

    [Fact]
    public void Stall_NothingInFlight_IsNone()
    {
        ReplicaHealth health = new(1);
        Answer(health);

        Assert.True(health.Admits(_now + (3600 * Second), 0, mayEject: true));
    }

    [Fact]
    public void HalfOpen_OneProbe_OthersAreTurnedAway()
    {
        ReplicaHealth health = In(HealthState.HalfOpen);

        Assert.True(health.TryBegin(_now, 1, out Hop hop));
        Assert.True(hop.IsTrial);
        Assert.False(health.Admits(_now, 0, mayEject: true));
        Assert.False(health.TryBegin(_now, 1, out _));
        health.Abandon(hop);
        Assert.True(health.Admits(_now, 0, mayEject: true));
    }

    [Fact]
    public void HalfOpen_ARequestFromBeforeIsAbandoned_TheProbeIsStillTheOnly()
    {
        ReplicaHealth health = new(1);
        health.TryBegin(_now, 1, out Hop before);
        Fail(health, isRefused: true);
        _now += After;
        health.Admits(_now, 0, mayEject: true);
        health.TryBegin(_now, 1, out _);

        health.Abandon(before);

        Assert.False(health.TryBegin(_now, 1, out _));
    }

    [Fact]
    public void HalfOpen_ManyThreads_OneProbe()
    {
        for (int round = 0; round < 200; round++)
        {
            ReplicaHealth health = In(HealthState.Ejected);
            int probes = 0;
            long later = _now + After;
            Parallel.For(0, 16, _ =>
            {
                if (health.Admits(later, 0, mayEject: true) && health.TryBegin(later, 1, out Hop hop) && hop.IsTrial) Interlocked.Increment(ref probes);
            });

            Assert.Equal(1, probes);
            Assert.Equal(1, health.InFlight);
        }
    }

    [Fact]
    public void Fail_SentTogether_CountsOnce()
    {
        ReplicaHealth health = new(1);
        for (int wave = 0; wave < 2; wave++)
        {
            Hop[] hops = [.. Enumerable.Range(0, 20).Select(_ => Begin(health))];
            foreach (Hop hop in hops) health.Fail(_now += Millisecond, hop, isRefusedConnection: false, mayEject: true);
            Assert.Equal(HealthState.Healthy, health.State);
        }

        health.Fail(_now, Begin(health), isRefusedConnection: false, mayEject: true);

        Assert.Equal(HealthState.Ejected, health.State);
    }

    [Fact]
    public void Fail_SentBeforeItWasThrownOut_IsNotTheTrials()
    {
        ReplicaHealth health = new(1);
        Hop before = Begin(health);
        Fail(health, isRefused: true);
        _now += After;
        health.Admits(_now, 0, mayEject: true);
        Hop trial = Begin(health);

        health.Fail(_now, before, isRefusedConnection: true, mayEject: true);
        Assert.Equal(HealthState.HalfOpen, health.State);
        health.Fail(_now, trial, isRefusedConnection: false, mayEject: true);

        Assert.Equal(HealthState.Ejected, health.State);
    }

    [Theory]
    [InlineData(true, 1)]
    [InlineData(false, 2)]
    public void HalfOpen_ASlowTrial_PausesNoLongerThanBefore(bool isSlow, int seconds)
    {
        ReplicaHealth health = In(HealthState.HalfOpen);

        health.Fail(_now, Begin(health), isRefusedConnection: false, mayEject: true, isSlow);

        Assert.False(health.Admits(_now + (seconds * Before), 0, mayEject: true));
        Assert.True(health.Admits(_now + (seconds * After), 0, mayEject: true));
    }

    [Fact]
    public void WarmUp_New_GetsNothingBefore_AndOneIsUnderWayAtATime()
    {
        ReplicaHealth health = new(1, warmsUp: true);

        Assert.False(health.Admits(_now, 0, mayEject: true));
        Assert.True(health.TryBeginWarmUp(_now, out int epoch));
        Assert.False(health.TryBeginWarmUp(_now, out _));
        Assert.True(health.EndWarmUp(_now, epoch, isWarm: true));

        Assert.Equal(HealthState.Healthy, health.State);
        Assert.True(health.Admits(_now, 0, mayEject: true));
        Assert.False(health.TryBeginWarmUp(_now, out _));
    }

    [Fact]
    public void WarmUp_Fails_PausesDoubleTwice_AndThatIsNoEjection()
    {
        ReplicaHealth health = new(1, warmsUp: true);
        foreach (int seconds in (int[])[1, 2, 4, 4])
        {
            Assert.True(health.TryBeginWarmUp(_now, out int epoch));
            Assert.False(health.EndWarmUp(_now, epoch, isWarm: false));
            Assert.False(health.TryBeginWarmUp(_now + (seconds * Before), out _));
            _now += seconds * After;
        }

        Assert.True(health.TryBeginWarmUp(_now, out _));
        Assert.Equal((HealthState.Cold, 0L), (health.State, health.Ejections));
    }

    [Fact]
    public void WarmUp_AfterTheEjection_IsWhatLetsATrialIn()
    {
        ReplicaHealth health = Warm();
        Fail(health, isRefused: true);

        Assert.False(health.TryBeginWarmUp(_now + Before, out _));
        _now += After;
        Assert.False(health.Admits(_now, 0, mayEject: true));
        Assert.True(health.TryBeginWarmUp(_now, out int epoch));
        Assert.True(health.EndWarmUp(_now, epoch, isWarm: true));

        Assert.Equal(HealthState.HalfOpen, health.State);
        Assert.True(health.Admits(_now, 0, mayEject: true));
    }

    [Fact]
    public void WarmUp_OfWhatWasBeforeARestart_IsNone()
    {
        ReplicaHealth health = new(1, warmsUp: true);
        health.TryBeginWarmUp(_now, out int epoch);

        health.Cool(_now, isRestart: true);

        Assert.False(health.EndWarmUp(_now, epoch, isWarm: true));
        Assert.Equal(HealthState.Cold, health.State);
        Assert.True(health.TryBeginWarmUp(_now, out _));
    }

    [Fact]
    public void Cool_WhileItIsOut_ItsPauseIsOver_AndItIsTriedFirst()
    {
        ReplicaHealth health = Warm();
        for (int i = 0; i < 4; i++)
        {
            Fail(health, isRefused: true);
            _now += 40 * Second;
            health.TryBeginWarmUp(_now, out int each);
            health.EndWarmUp(_now, each, isWarm: true);
        }

        Fail(health);
        health.Cool(_now, isRestart: false);
        Assert.True(health.TryBeginWarmUp(_now, out int epoch));
        health.EndWarmUp(_now, epoch, isWarm: true);
        Assert.Equal(HealthState.HalfOpen, health.State);
        Fail(health);

        Assert.False(health.TryBeginWarmUp(_now + Before, out _));
        Assert.True(health.TryBeginWarmUp(_now + After, out _));
    }

    [Fact]
    public void Cold_WhatWasSentBefore_ChangesNothing()
    {
        ReplicaHealth health = Warm();
        Hop[] hops = [Begin(health), Begin(health), Begin(health)];
        health.Cool(_now, isRestart: true);

        health.Succeed(_now);
        health.Fail(_now, hops[1], isRefusedConnection: true, mayEject: true);
        health.Abandon(hops[2]);

        Assert.Equal((HealthState.Cold, 0), (health.State, health.InFlight));
    }

    private Hop Begin(ReplicaHealth health)
    {
        Assert.True(health.TryBegin(_now, 1, out Hop hop));
        return hop;
    }

    private ReplicaHealth Warm()
    {
        ReplicaHealth health = new(1, warmsUp: true);
        health.TryBeginWarmUp(_now, out int epoch);
        health.EndWarmUp(_now, epoch, isWarm: true);
        return health;
    }

    private ReplicaHealth In(HealthState state)
    {
        ReplicaHealth health = new(1);
        if (state == HealthState.Healthy) return health;
        Fail(health, isRefused: true);
        if (state == HealthState.Ejected) return health;
        _now += After;
        health.Admits(_now, 0, mayEject: true);
        if (state == HealthState.SlowStart) Answer(health);
        Assert.Equal(state, health.State);
        return health;
    }

    private void Apply(ReplicaHealth health, Event what, bool mayEject = true)
    {
        switch (what)
        {
            case Event.Answer:
                Answer(health);
                break;
            case Event.Failure:
                Fail(health, mayEject: mayEject);
                break;
            case Event.ThirdFailure:
                for (int i = 0; i < 3; i++) Fail(health, mayEject: mayEject);
                break;
            case Event.RefusedConnection:
                Fail(health, isRefused: true, mayEject);
                break;
            case Event.Abandoned:
                health.TryBegin(_now, 1, out Hop hop);
                health.Abandon(hop);
                break;
            case Event.Stall:
                health.TryBegin(_now, 1, out _);
                _now += 151 * Millisecond;
                health.Admits(_now, 0, mayEject);
                break;
            case Event.Restart:
                health.Cool(_now, isRestart: true);
                break;
            case Event.Gap:
                health.Cool(_now, isRestart: false);
                break;
        }
    }

    private void Answer(ReplicaHealth health)
    {
        Assert.True(health.TryBegin(_now, 1, out _));
        health.Succeed(_now);
    }

    private void Fail(ReplicaHealth health, bool isRefused = false, bool mayEject = true)
    {
        Assert.True(health.TryBegin(_now, 1, out Hop hop));
        health.Fail(_now, hop, isRefused, mayEject);
    }
}
