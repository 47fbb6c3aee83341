using Gateway.Load.Carriers;
using Gateway.Load.Carriers.Frames;
using Gateway.Load.Engine;
using Gateway.Load.Results;
using Gateway.Load.Running;
using Gateway.Load.Scenarios;
using Gateway.Load.Statistics;
using Gateway.TestSupport;
using Gateway.UnitTests.Load.Engine;

namespace Gateway.UnitTests.Load.Running;

/// <summary>What the client is believed, in virtual time.</summary>
public class ClientProofTests
{
    [Theory]
    [InlineData(0.01, "Poisson", 1)]
    [InlineData(5, "Poisson", 1)]
    [InlineData(5, "Constant", 1)]
    [InlineData(300, "Poisson", 1)]
    [InlineData(20_000, "Poisson", 1)]
    [InlineData(2, "Burst", 50)]
    [InlineData(400, "Burst", 100)]
    [InlineData(20_000, "Burst", 1000)]
    public void Judge_ClientThatDoesAll_IsGoodWhateverTheSeed(double rate, string arrivals, int burst)
    {
        ScenarioPlan plan = VirtualLoad.Scenario(new LoadSimulation(SimulationKind.Inject, 30) { Rate = rate, Arrivals = Enum.Parse<ArrivalKind>(arrivals), Burst = burst });
        for (int seed = 1; seed <= 20; seed++)
        {
            ManualTimeProvider time = new();
            ScenarioResult result = VirtualLoad.Result(time, new SimulatedServer(time, 64, () => 20e-6), ClientProof.Simulation(plan), 0.5, seed);

            ProofResult proof = ClientProof.Judge(result, plan.HighestRate);
            Assert.True(proof.IsGood, $"seed {seed}: {proof.Text}");
        }
    }

    [Fact]
    public void Simulation_Replay_IsAsHardAsItsHardestSecond()
    {
        // Eight a second, but for 300 more at the end of the sixth second and the beginning of the seventh.
        double[] times = [.. Enumerable.Range(0, 160).Select(i => i / 8.0).Concat(Enumerable.Range(0, 300).Select(i => 5.5625 + (i / 512.0))).Order()];
        LoadSimulation replay = new(SimulationKind.Replay, 20) { Times = times };
        LoadSimulation steady = new(SimulationKind.Inject, 10) { Rate = 40, Arrivals = ArrivalKind.Burst, Burst = 10 };

        Assert.Equal(308, replay.HighestRate);
        Assert.Equal(308, VirtualLoad.Scenario(steady, replay).HighestRate);
        LoadSimulation proof = ClientProof.Simulation(VirtualLoad.Scenario(steady, replay));
        Assert.Equal((308, ArrivalKind.Poisson), (proof.Rate, proof.Arrivals));

        // What is cut off is not replayed; a trace of less than a second has the rate that it has.
        Assert.Equal(8, (replay with { Seconds = 5.5 }).HighestRate);
        Assert.Equal(1000, new LoadSimulation(SimulationKind.Replay, 0.1) { Times = [.. Enumerable.Range(0, 100).Select(i => i / 1000.0)] }.HighestRate);
        Assert.Equal(2, new LoadSimulation(SimulationKind.Replay, 5) { Times = [0, 0.999, 1.999, 2.999] }.HighestRate);
    }

    [Fact]
    public void Simulation_EqualRates_AreProvedWithTheLargestBursts()
    {
        LoadSimulation even = new(SimulationKind.Inject, 10) { Rate = 400 };
        LoadSimulation bursts = even with { Arrivals = ArrivalKind.Burst, Burst = 100 };

        Assert.Equal((400, ArrivalKind.Burst, 100), Proof(even, bursts, bursts with { Burst = 10 }));
        Assert.Equal((401, ArrivalKind.Poisson, 1), Proof(bursts, even with { Rate = 401 }));

        static (double, ArrivalKind, int) Proof(params LoadSimulation[] simulations) => ClientProof.Simulation(VirtualLoad.Scenario(simulations)) is var proof ? (proof.Rate, proof.Arrivals, proof.Burst) : default;
    }

    [Fact]
    public void Doubt_LatenessBeyondTheP99_CountsWhereAHigherPercentileIsClaimed()
    {
        // Half a percent of the calls, three milliseconds late: not in the p99, but in the p99.9.
        LatencyHistogram lag = new();
        for (int i = 0; i < 2000; i++) lag.Record(i < 1990 ? 10_000 : 3_000_000);
        ScenarioResult result = Punctual with { Lag = lag.ToSparse() };
        ScenarioPlan plan = VirtualLoad.Scenario(new LoadSimulation(SimulationKind.Inject, 30) { Rate = 400 });
        ScenarioPlan claims = plan with { Thresholds = [Of("p50 < 1s"), Of("max < 9s"), Of("p99.9 < 1s")] };

        Assert.Equal((0.99, 0.999), (plan.Claim, claims.Claim));
        Assert.Null(Vouching.Doubt(result, plan.Claim));
        Assert.Contains("0.1 % of the calls were sent more than 3 ms late", Vouching.Doubt(result, claims.Claim));
        Assert.True(ClientProof.Judge(result, 1000, plan.Claim).IsGood);
        Assert.False(ClientProof.Judge(result, 1000, claims.Claim).IsGood);

        // As long as it takes for two calls to be late.
        Assert.Equal((1.5, 4.5), (ClientProof.Simulation(plan).Seconds, ClientProof.Simulation(claims).Seconds));

        static Threshold Of(string text) => Threshold.TryParse(text, out Threshold? threshold, out string problem) ? threshold : throw new ArgumentException(problem);
    }

    [Fact]
    public void Judge_ClientTooSlow_IsNot()
    {
        // It does 1,000 calls a second; one thread's time is what the calls wait for.
        ScenarioPlan plan = VirtualLoad.Scenario(new LoadSimulation(SimulationKind.Inject, 30) { Rate = 1200 });
        ManualTimeProvider time = new();
        ScenarioResult result = VirtualLoad.Result(time, new SimulatedServer(time, 1, () => 1e-3), ClientProof.Simulation(plan), 0.5);

        Assert.False(ClientProof.Judge(result, 1200).IsGood);
    }

    [Fact]
    public void Judge_ClientThatIsLate_IsNot()
    {
        ScenarioResult late = Punctual with { Lag = Histogram(3_000_000) };

        Assert.True(ClientProof.Judge(Punctual, 1000).IsGood);
        Assert.False(ClientProof.Judge(late, 1000).IsGood);

        // Calls of one burst are sent one after another: 500 of 10 µs each.
        Assert.True(ClientProof.Judge(late with { Burst = 500, Sent = 1000, ClientCpuSeconds = 0.01 }, 1000).IsGood);
    }

    [Fact]
    public void Judge_AnswersThatAreErrors_AreNone()
    {
        ManualTimeProvider time = new();
        int calls = 0;
        SimulatedServer server = new(time, 8, () => 20e-6) { Answers = _ => calls++ % 20 == 0 ? CallOutcome.Failed : CallOutcome.Ok };

        Assert.False(ClientProof.Judge(VirtualLoad.Result(time, server, new LoadSimulation(SimulationKind.Inject, 2) { Rate = 1000 }), 1000).IsGood);
    }

    [Fact]
    public void Doubt_LateClient_DependsOnTheLatencies()
    {
        Assert.Null(Vouching.Doubt(Punctual));
        Assert.Contains("fell behind", Vouching.Doubt(Punctual with { Lag = Histogram(3_000_000) }));
        Assert.Null(Vouching.Doubt(Punctual with { Lag = Histogram(3_000_000), Latency = Histogram(50_000_000) }));
        Assert.Null(Vouching.Doubt(Punctual with { Lag = Histogram(3_000_000), IsOpen = false }));
    }

    [Fact]
    public void Doubt_BusyClientOrNearlyAsFastAsNothing_IsTheClients()
    {
        Assert.Contains("busy", Vouching.Doubt(Punctual with { ClientBusy = 0.97 }));
        ScenarioResult closed = Punctual with { IsOpen = false, Proof = new ProofResult(0, 1100, 0, 0, 0, true, "") };
        Assert.Contains("server that does nothing", Vouching.Doubt(closed));
        Assert.Null(Vouching.Doubt(closed with { Proof = closed.Proof! with { Rate = 5000 } }));
    }

    [Fact]
    public void Doubt_ConnectionsThatAreAllTaken_AreTheClients()
    {
        // 1,000 calls a second of 1 ms each: one is under way all the time.
        ScenarioResult full = Punctual with { MostWaiting = 3, Connections = 1, Window = 1 };

        Assert.Contains("1 calls were under way on the average, and 1 connections have room for 1: they, not the server, may be the limit; give the client more (--connections)", Vouching.Doubt(full));
        Assert.Null(Vouching.Doubt(full with { Connections = 2 }));
        Assert.Null(Vouching.Doubt(full with { Window = 2 }));
        Assert.Null(Vouching.Doubt(full with { MostWaiting = 0 }));
        Assert.Null(Vouching.Doubt(full with { IsOpen = false }));
        Assert.Null(Vouching.Doubt(full with { Steps = ["one", "two"] }));
        Assert.Null(Vouching.Doubt(full with { Window = 0 }));
    }

    [Fact]
    public void Doubt_WindowThatTheServerDoesNotGive_IsNoRoom()
    {
        // Of the 256 calls that were to be under way the server allows two, each of 10 ms.
        ManualTimeProvider time = new();
        LoadSimulation load = new(SimulationKind.Inject, 5) { Rate = 400, Arrivals = ArrivalKind.Constant };
        LoadWorker worker = VirtualLoad.Run(time, new SimulatedServer(time, 64, () => 0.01) { Room = 2, Window = 2 }, VirtualLoad.Plan, load);

        ScenarioResult result = RunResult.Of(VirtualLoad.Scenario(load) with { Carrier = new FrameCarrier(), Window = 256 }, [load], 0, 5, 1, [worker], worker.Tally.PublishedFrom(0), null);

        Assert.Equal(2, result.Window);
        Assert.Contains("1 connections have room for 2", Vouching.Doubt(result));
    }

    [Fact]
    public void Run_PoolTooSmallForTheRate_IsDoubtedAndBothFiguresAreSaid()
    {
        // Answers take 10 ms, and there is room for one at a time: half of the calls of 200 a second wait in the client, longer and longer.
        ManualTimeProvider time = new();
        ScenarioResult result = VirtualLoad.Result(time, new SimulatedServer(time, 64, () => 0.01) { Room = 1 }, new LoadSimulation(SimulationKind.Inject, 5) { Rate = 200, Arrivals = ArrivalKind.Constant });

        Assert.Contains("--connections", Vouching.Doubt(result));
        Assert.Contains(Vouching.Notes(result), note => note.Contains("99 % were answered within 10 ms of being sent, but within", StringComparison.Ordinal) && note.Contains("--connections", StringComparison.Ordinal));
    }

    [Fact]
    public void Notes_CallsThatWaitedForAConnection_HaveBothFigures()
    {
        ScenarioResult waited = Punctual with { Lag = Histogram(50_000), MostWaiting = 3, Connections = 8, ConnectionsUp = 8, Service = Histogram(1_000_000), Latency = Histogram(5_000_000) };

        Assert.Contains("99 % were answered within 1 ms of being sent, but within 5 ms of when they were due: up to 3 calls waited in the client for one of 8 connections", Assert.Single(Vouching.Notes(waited)));
        Assert.Empty(Vouching.Notes(waited with { Service = Histogram(4_800_000) }));
        Assert.Empty(Vouching.Notes(waited with { MostWaiting = 0 }));
        Assert.Empty(Vouching.Notes(waited with { Retries = 100 }));
        Assert.Empty(Vouching.Notes(waited with { Steps = ["one", "two"] }));
    }

    [Fact]
    public void Notes_WhatAReaderMustKnow_IsSaid()
    {
        Assert.Empty(Vouching.Notes(Punctual with { Lag = Histogram(50_000) }));

        // Late by less than a millisecond, but the answers take no longer.
        Assert.Contains("so much of the latencies is the client's", Assert.Single(Vouching.Notes(Punctual with { Lag = Histogram(500_000) })));
        Assert.Contains("at most 3 were up", Assert.Single(Vouching.Notes(Punctual with { Lag = Histogram(50_000), Connections = 8, ConnectionsUp = 3 })));
        Assert.Contains("answers were wrong", Assert.Single(Vouching.Notes(Punctual with { Lag = Histogram(50_000), Wrong = 2, Verified = 9 })));
        Assert.Contains("no call was answered", Assert.Single(Vouching.Notes(Punctual with { Answered = 0 })));
        Assert.Contains("12 calls had no answer yet when it was stopped, the oldest 5 s after it was due", Assert.Single(Vouching.Notes(Punctual with { Lag = Histogram(50_000), CutOff = 12, OldestCutOffSeconds = 5 })));
        Assert.Contains("90 of 1,000 answers that were checked were compared with no earlier one", Assert.Single(Vouching.Notes(Punctual with { Lag = Histogram(50_000), Verified = 1000, VerifiedByShape = 90 })));
        Assert.Empty(Vouching.Notes(Punctual with { Lag = Histogram(50_000), Verified = 1000, VerifiedByShape = 50 }));
        Assert.Contains("never sent", Assert.Single(Vouching.Notes(Punctual with { Lag = Histogram(50_000), NotSent = 2 })));
    }

    [Fact]
    public void Dearer_CallThatCostsTheClientMore_IsSaid()
    {
        // A thousand calls a second, of 40 µs here; the server has 0.03 cores for them, or 0.05.
        ScenarioResult result = Punctual with { Sent = 1000, ClientCpuSeconds = 0.04 };
        ServerResult server = new("", 0.03, 0, 1, [], [], [], []);

        Assert.Equal("a call costs the client 40 µs of CPU and the server 30 µs: the client must be cheaper than the server it measures, or it is the limit", Vouching.Dearer([result], server));
        Assert.Null(Vouching.Dearer([result], server with { CpuCores = 0.05 }));
        Assert.Null(Vouching.Dearer([result], server with { CpuCores = -1 }));
        Assert.Null(Vouching.Dearer([result], null));
    }

    private static ScenarioResult Punctual { get; } = Steady();

    private static ScenarioResult Steady()
    {
        ManualTimeProvider time = new();
        return VirtualLoad.Result(time, new SimulatedServer(time, 8, () => 1e-3), new LoadSimulation(SimulationKind.Inject, 2) { Rate = 1000, Arrivals = ArrivalKind.Constant });
    }

    private static SparseHistogram Histogram(long nanoseconds)
    {
        LatencyHistogram histogram = new();
        for (int i = 0; i < 1000; i++) histogram.Record(nanoseconds);
        return histogram.ToSparse();
    }
}
