using Gateway.Load.Carriers;
using Gateway.Load.Engine;
using Gateway.Load.Scenarios;
using Gateway.Load.Statistics;
using Gateway.TestSupport;

namespace Gateway.UnitTests.Load.Engine;

public class LoadWorkerTests
{
    private static readonly LoadSimulation Hundred = new(SimulationKind.Inject, 10) { Rate = 100, Arrivals = ArrivalKind.Constant };

    [Fact]
    public void Run_ServerThatKeepsUp_AnswersAllAndSaysWhen()
    {
        ManualTimeProvider time = new();
        LoadWorker worker = VirtualLoad.Run(time, new SimulatedServer(time, 1, () => 0.001), VirtualLoad.Plan with { WarmUpSeconds = 2 }, Hundred);

        Assert.Equal(800, worker.Tally.Offered);
        Assert.Equal(800, worker.Tally.Answered);
        Assert.Equal(1000, worker.Tally.Sent);
        Assert.Equal(800, worker.AnsweredInWindow);
        Assert.InRange(worker.Tally.Latency.Nanoseconds(1), 0.99e6, 1.01e6);
        Assert.Equal(1000, worker.Tally.PublishedFrom(0).Sum(interval => interval.Offered));
        Assert.Equal(1000, worker.Tally.PublishedFrom(0).Sum(interval => interval.Answered));
        Assert.Equal(100, worker.Tally.PublishedFrom(0).Single(interval => interval.Index == 4).Answered);
    }

    [Fact]
    public void Run_ServerMuchTooSlow_KeepsNoMoreThanItMay()
    {
        ManualTimeProvider time = new();
        SimulatedServer server = new(time, 1, () => 1) { Room = 4 };
        LoadWorker worker = VirtualLoad.Run(time, server, VirtualLoad.Plan with { MostCalls = 50, DrainSeconds = 1 }, Hundred);

        WorkerTally tally = worker.Tally;
        Assert.Equal(1000, tally.Offered);
        Assert.True(tally.MostWaiting <= 50);
        Assert.True(tally.NotSent > 900);
        Assert.Contains(tally.Kinds.Counts, kind => kind.Kind.StartsWith("not sent", StringComparison.Ordinal));
        Assert.Equal(tally.Offered, tally.Answered + tally.Refused + tally.Failed + tally.NotSent);
    }

    [Fact]
    public void Run_CallsThatWaitPastTheirDeadline_AreNotSent()
    {
        ManualTimeProvider time = new();
        SimulatedServer server = new(time, 1, () => 0.1) { Room = 1 };
        LoadWorker worker = VirtualLoad.Run(time, server, VirtualLoad.Plan with { DeadlineSeconds = 0.25 }, Hundred);

        Assert.Contains(worker.Tally.Kinds.Counts, kind => kind.Kind == "deadline passed in the client");
        Assert.True(worker.Tally.InTime < worker.Tally.Answered);

        // What was sent carried what was left of its time.
        Assert.All(server.Timeouts, timeout => Assert.InRange(timeout, 1, 250_000));
        Assert.Contains(server.Timeouts, timeout => timeout < 100_000);
    }

    [Fact]
    public void Run_RefusalsWithRetryAfter_AreTriedAgainThenAndNotBeyondTheBudget()
    {
        ManualTimeProvider time = new();
        SimulatedServer server = new(time, 10, () => 0.001) { Answers = _ => CallOutcome.Refused, RetryAfterMilliseconds = 500 };
        LoadWorker worker = VirtualLoad.Run(time, server, VirtualLoad.Plan with { Retry = new RetryRule(3, 0.1) }, Hundred);

        Assert.Equal(1000, worker.Tally.Refused);
        Assert.InRange(worker.Tally.Retries, 100, 125);
        Assert.Equal(1000 + worker.Tally.Retries, worker.Tally.Sent);
    }

    [Fact]
    public void Run_OneRefusal_ComesBackWhenTheServerSaid()
    {
        ManualTimeProvider time = new();
        int calls = 0;
        SimulatedServer server = new(time, 1, () => 0.001) { Answers = _ => calls++ == 0 ? CallOutcome.Refused : CallOutcome.Ok, RetryAfterMilliseconds = 700 };
        LoadWorker worker = VirtualLoad.Run(time, server, VirtualLoad.Plan with { Retry = new RetryRule(1, 1) }, new LoadSimulation(SimulationKind.Inject, 2) { Rate = 0.5, Arrivals = ArrivalKind.Constant });

        Assert.Equal(1, worker.Tally.Answered);
        Assert.Equal(0, worker.Tally.Refused);
        Assert.InRange((server.Sent[1] - server.Sent[0]) / (double)time.TimestampFrequency, 0.70, 0.71);
        Assert.InRange(worker.Tally.Latency.Max / 1e9, 0.70, 0.71);
    }

    [Fact]
    public void Run_Closed_KeepsThatManyAtATime()
    {
        ManualTimeProvider time = new();
        SimulatedServer server = new(time, 100, () => 0.01);
        LoadWorker worker = VirtualLoad.Run(time, server, VirtualLoad.Plan, new LoadSimulation(SimulationKind.KeepConstant, 5) { Copies = 20 });

        Assert.Equal(20, server.Most);
        Assert.InRange(worker.AnsweredInWindow / 5.0, 1900, 2001);
    }

    [Fact]
    public void Run_NoConnectionForLong_GivesUpAndSaysWhy()
    {
        ManualTimeProvider time = new();
        SimulatedServer server = new(time, 1, () => 0.001) { DownSince = time.GetTimestamp() };
        LoadWorker worker = VirtualLoad.Run(time, server, VirtualLoad.Plan with { GiveUpSeconds = 3 }, Hundred);

        Assert.Equal("gone", worker.Tally.GaveUp);
        Assert.InRange(worker.Tally.Offered, 290, 350);
        Assert.Equal(worker.Tally.Offered, worker.Tally.NotSent);
    }

    [Fact]
    public void Run_ServerThatNeverAnswers_EndsAfterTheDrain()
    {
        ManualTimeProvider time = new();
        SimulatedServer server = new(time, 1, () => 1e6);
        LoadWorker worker = VirtualLoad.Run(time, server, VirtualLoad.Plan with { DrainSeconds = 2 }, Hundred);

        Assert.Equal(1000, worker.Tally.Failed);
        Assert.Equal("no answer in time", Assert.Single(worker.Tally.Kinds.Counts).Kind);
    }

    [Fact]
    public void Run_OpenThenClosed_KeepsOnlyTheCopies()
    {
        // Calls of the open half that are under way when the closed half begins are nobody's callers.
        ManualTimeProvider time = new();
        long start = time.GetTimestamp();
        List<int> atATime = [];
        SimulatedServer server = new(time, 1000, () => 0.5) { OnSend = underWay => { if (time.GetTimestamp() - start > 3 * time.TimestampFrequency) atATime.Add(underWay); } };
        LoadWorker worker = VirtualLoad.Run(time, server, VirtualLoad.Plan, Hundred with { Seconds = 2 }, new LoadSimulation(SimulationKind.KeepConstant, 3) { Copies = 5 });

        Assert.Equal(5, atATime.Max());
        Assert.Equal(worker.Tally.Offered, worker.Tally.Answered);
    }

    [Fact]
    public void Run_AnswersThatTakeLong_AreNoErrorsAtTheEnd()
    {
        ManualTimeProvider time = new();
        LoadWorker worker = VirtualLoad.Run(time, new SimulatedServer(time, 10_000, () => 12), VirtualLoad.Plan, Hundred);

        Assert.Equal(0, worker.Tally.Failed);
        Assert.Equal(1000, worker.Tally.Answered);
    }

    [Fact]
    public void Run_RefusalNearTheEnd_ComesBackWhenTheServerSaid()
    {
        ManualTimeProvider time = new();
        int calls = 0;
        SimulatedServer server = new(time, 1, () => 0.001) { Answers = _ => calls++ == 0 ? CallOutcome.Refused : CallOutcome.Ok, RetryAfterMilliseconds = 3000 };
        VirtualLoad.Run(time, server, VirtualLoad.Plan with { Retry = new RetryRule(1, 1) }, new LoadSimulation(SimulationKind.Inject, 2) { Rate = 0.5, Arrivals = ArrivalKind.Constant });

        Assert.InRange((server.Sent[1] - server.Sent[0]) / (double)time.TimestampFrequency, 3.0, 3.01);
    }

    [Fact]
    public void Run_Stopped_CountsOnlyWhatHasEnded()
    {
        ManualTimeProvider time = new();
        LoadWorker? worker = null;
        SimulatedServer server = new(time, 1000, () => 0.7) { OnSend = _ => { if (worker!.Tally.Offered == 300) worker.Stop(); } };
        worker = new LoadWorker(VirtualLoad.Plan, new Gateway.Load.Arrivals.ArrivalStream([Hundred], 1), server, time, time.GetTimestamp());
        worker.Run();

        Assert.InRange(worker.Tally.Answered, 200, 299);
        Assert.Equal(worker.Tally.Offered, worker.Tally.Answered);

        // Nothing is wrong with a server that has had its 0.7 s not yet.
        Assert.Equal(300, worker.Tally.Answered + worker.Tally.CutOff);
        Assert.InRange(worker.Tally.OldestCutOff / 1e9, 0.4, 0.7);
    }

    [Fact]
    public void Run_TwoSteps_FollowEachOtherAndAreCountedApart()
    {
        ManualTimeProvider time = new();
        WorkerPlan plan = VirtualLoad.Plan with { Steps = [VirtualLoad.Plan.Steps[0], VirtualLoad.Plan.Steps[0]] };
        LoadWorker worker = VirtualLoad.Run(time, new SimulatedServer(time, 4, () => 0.002), plan, Hundred);

        Assert.Equal(1000, worker.Tally.Answered);
        Assert.Equal(2000, worker.Tally.Sent);
        Assert.Equal([1000, 1000], worker.Tally.Steps.Select(step => step.Count));
        Assert.InRange(worker.Tally.Latency.Mean, 3.9e6, 4.1e6);
    }

    [Fact]
    public void Run_StoppedWhileTheServerHangs_SaysHowManyCallsHadNoAnswerAndForHowLong()
    {
        ManualTimeProvider time = new();
        long start = time.GetTimestamp();
        LoadWorker? worker = null;
        SimulatedServer server = new(time, 1000, () => time.GetTimestamp() - start < time.TimestampFrequency ? 0.001 : 1e6) { OnSend = _ => { if (worker!.Tally.Offered == 600) worker.Stop(); } };
        worker = new LoadWorker(VirtualLoad.Plan, new Gateway.Load.Arrivals.ArrivalStream([Hundred], 1), server, time, start);
        worker.Run();

        Assert.Equal(100, worker.Tally.Answered);
        Assert.Equal((100, 500, 0), (worker.Tally.Offered, worker.Tally.CutOff, worker.Tally.Failed));
        Assert.InRange(worker.Tally.OldestCutOff / 1e9, 4.9, 5.3);
    }

    [Fact]
    public void Run_ReplayAfterAnotherLoad_CarriesWhatWasRecordedWithEachArrival()
    {
        ManualTimeProvider time = new();
        SimulatedServer server = new(time, 10, () => 0.001);
        LoadSimulation before = new(SimulationKind.Inject, 1) { Rate = 5, Arrivals = ArrivalKind.Constant };
        LoadSimulation replay = new(SimulationKind.Replay, 1) { Times = [0, 0.1, 0.2, 0.3] };
        VirtualLoad.Run(time, server, VirtualLoad.Plan with { Steps = [new StepChoice(10, 4, null)] }, before, replay);

        Assert.Equal([10, 11, 12, 13], server.Payloads.Skip(5));
    }

    [Theory]
    [InlineData(1e6, true)]
    [InlineData(25, false)]
    public void Run_CallsUnderWayAndNoneAnswered_GivesUpAfterTwiceItsPatience(double serviceSeconds, bool givesUp)
    {
        // Ten calls a second for two minutes; whoever takes them answers all after 25 seconds, or never.
        ManualTimeProvider time = new();
        LoadWorker worker = VirtualLoad.Run(time, new SimulatedServer(time, 10_000, () => serviceSeconds), VirtualLoad.Plan, new LoadSimulation(SimulationKind.Inject, 120) { Rate = 10, Arrivals = ArrivalKind.Constant });

        Assert.Equal(givesUp ? "no call was answered for 65 s" : null, worker.Tally.GaveUp);
        Assert.InRange(worker.Tally.Offered, givesUp ? 650 : 1200, givesUp ? 660 : 1200);
        Assert.Equal(givesUp ? 0 : 1200, worker.Tally.Answered);
    }

    [Fact]
    public void Run_FirstOfTwoStepsIsLate_TheArrivalIsLate()
    {
        // Every other answer takes longer than the deadline: those to the first steps.
        ManualTimeProvider time = new();
        int calls = 0;
        WorkerPlan plan = VirtualLoad.Plan with { Steps = [VirtualLoad.Plan.Steps[0], VirtualLoad.Plan.Steps[0]], DeadlineSeconds = 0.25 };
        SimulatedServer server = new(time, 1, () => calls++ % 2 == 0 ? 0.3 : 0.001);
        LoadWorker worker = VirtualLoad.Run(time, server, plan, new LoadSimulation(SimulationKind.Inject, 5) { Rate = 2, Arrivals = ArrivalKind.Constant });

        Assert.Equal((10, 0, 0), (worker.Tally.Answered, worker.Tally.InTime, worker.InTimeInWindow));
        Assert.Equal(0, worker.Tally.PublishedFrom(0).Sum(interval => interval.InTime));
    }
}
