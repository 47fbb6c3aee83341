using Gateway.Load;
using Gateway.Load.Capacity;
using Gateway.Load.Carriers;
using Gateway.Load.Machine;
using Gateway.Load.Reports;
using Gateway.Load.Results;
using Gateway.Load.Tuning;
using Gateway.UnitTests.Load.Capacity;
using Gateway.UnitTests.Load.Engine;

namespace Gateway.UnitTests.Load.Tuning;

/// <summary>The sweep over servers in virtual time: how fast one is, its configuration says.</summary>
public class TuneRunTests
{
    private static readonly IReadOnlyList<TuneSetting> Settings = TuneSetting.All([0], [10, 20], [], []);

    [Fact]
    public void Run_Settings_AreMeasuredAtOneRateAndSaturated()
    {
        TuneRun run = Run(batch => Server(0.1 / batch));

        TuneResult result = run.Run("", "m", Settings);

        Assert.Empty(run.Doubts);
        Assert.Equal([100, 200], result.Points.Select(point => Math.Round(point.Throughput / 10) * 10));
        Assert.Equal("delay 0 µs, batch 20", Assert.Single(result.Points, point => point.IsBest).Name);
        Assert.InRange(result.Rate, 45, 55);
        Assert.All(result.Points, point => Assert.Equal((0.0, 0.0), (point.MissShare, point.Knee)));
    }

    [Fact]
    public void Run_Objective_FindsTheKneeOfEach()
    {
        TuneResult result = Run(batch => Server(0.02 / batch), new Objective(0.99, 0.05)).Run("", "m", Settings);

        Assert.InRange(result.Points[0].Knee, 400, 510);
        Assert.InRange(result.Points[1].Knee, 850, 1010);
        Assert.Equal((0.99, 50.0), (result.Percentile, result.ObjectiveMilliseconds));
    }

    [Fact]
    public void Run_Objective_SaysWhatLimitsEachKnee()
    {
        // The one instance of the first is busy; the second has its time in the queue.
        TuneResult result = Run(
            batch => new VirtualTrialLoad(time => new SimulatedServer(time, 1, () => 0.002))
            {
                Metrics = _ => batch == 10 ? new ServerResult("", 0.5, 0.95, 4, [], [], [], []) { Instances = 1 } : new ServerResult("", 0.5, 0.2, 4, [new ServerStage("queue", 30)], [], [], []) { Instances = 1 },
            },
            new Objective(0.99, 0.05)).Run("", "m", Settings);

        Assert.StartsWith("the device: the model instance busy 95 %", result.Points[0].Limit);
        Assert.StartsWith("the queue: 30 ms of a request's time", result.Points[1].Limit);
        LoadReport report = new() { Kind = "tune", Started = DateTimeOffset.UnixEpoch, Command = "", Machine = new MachineFacts("cpu", 2, "os", "10"), Tune = result };
        Assert.Contains("/s | the queue: 30 ms of a request's time", ReportMarkdown.Write(report));
    }

    [Fact]
    public void Run_SettingThatAnswersOnlySome_IsShownAndNotOnTheFront()
    {
        int calls = 0;
        TuneResult result = Run(batch => batch == 10 ? Server(0.01) : new VirtualTrialLoad(time => new SimulatedServer(time, 1, () => 0.001) { Answers = _ => calls++ % 10 == 0 ? CallOutcome.Refused : CallOutcome.Ok })).Run("", "m", Settings);

        Assert.InRange(result.Points[1].MissShare, 0.08, 0.12);
        Assert.False(result.Points[1].IsBest);
        Assert.True(result.Points[0].IsBest);
    }

    [Fact]
    public void Run_ClientIsLateOrTheLimit_VouchesForNothing()
    {
        TuneRun late = Run(_ => new VirtualTrialLoad(time => new SimulatedServer(time, 1, () => 0.001)) { Seen = result => result with { Lag = TrialRunnerTests.Late } });
        late.Run("", "m", Settings);
        Assert.Equal(2, late.Doubts.Count);
        Assert.All(late.Doubts, doubt => Assert.Contains("fell behind, 3 times", doubt));

        TuneRun slow = Run(_ => Server(0.001, client: 1100));
        slow.Run("", "m", Settings);
        Assert.All(slow.Doubts, doubt => Assert.Contains("the client is the limit", doubt));
        Assert.Equal(2, slow.Doubts.Count);
    }

    [Fact]
    public void Run_SettingThatTakesMoreCallsAtATime_IsGivenConnectionsOrDoubted()
    {
        TuneRun run = Run(batch => new VirtualTrialLoad((time, connections) => new SimulatedServer(time, batch == 10 ? 20 : 5000, () => 0.05) { Room = connections }), mayGrow: true);

        TuneResult result = run.Run("", "m", Settings);

        Assert.Equal([64, 1024], result.Points.Select(point => point.Connections));
        Assert.Contains("batch 20: saturated it does more with every connection, up to 1,024", Assert.Single(run.Doubts));
    }

    [Fact]
    public void Run_ClientSlowerOverTheConnectionsThatASettingTakes_IsDoubted()
    {
        // Over 64 connections the client would do; the second setting takes 1,024 and 20,000/s, of which it makes 21,000.
        List<int> asked = [];
        TuneRun run = Run(batch => new VirtualTrialLoad((time, connections) => new SimulatedServer(time, batch == 10 ? 20 : 1000, () => 0.05) { Room = connections }) { Client = Client }, mayGrow: true);

        run.Run("", "m", Settings);

        Assert.Equal([64, 1024], asked);
        Assert.Contains("batch 20: saturated it does", Assert.Single(run.Doubts));

        double Client(int connections)
        {
            asked.Add(connections);
            return connections > 64 ? 21_000 : 50_000;
        }
    }

    [Fact]
    public void Run_OnePassThatIsBad_DoesNotDecideAndShowsInTheSpread()
    {
        // Batch 10 is the faster one, but for the first pass; the other is a little slower, within what the passes differ by.
        Queue<double> first = new([0.02, 0.01, 0.0099]);

        TuneResult result = Run(batch => Server(batch == 10 ? first.Dequeue() : 0.0102)).Run("", "m", Settings);

        Assert.Empty(first);
        Assert.Equal([true, false], result.Points.Select(point => point.IsBest));
        Assert.Equal([false, true], result.Points.Select(point => point.IsAsGood));
        Assert.InRange(result.Points[0].Throughput, 95, 101);
        Assert.InRange(result.Points[0].ThroughputLeast, 48, 52);
        Assert.InRange(result.Points[1].ThroughputLeast, 94, 100);
    }

    [Fact]
    public void Run_Passes_GoThereAndBackAndTakeAsLongAsOneTrial()
    {
        List<(int Batch, VirtualTrialLoad Load)> begun = [];

        TuneResult result = Run(batch =>
        {
            begun.Add((batch, Server(0.1 / batch)));
            return begun[^1].Load;
        }, seconds: 15).Run("", "m", Settings);

        Assert.Equal([10, 20, 20, 10, 10, 20], begun.Select(each => each.Batch));
        Assert.All(begun, each => Assert.Equal(5, each.Load.Simulations[^1].Seconds - each.Load.WarmUps[^1], 6));
        Assert.Equal([false, false], result.Points.Select(point => point.IsAsGood));
    }

    [Fact]
    public void Run_LaterPassThatFails_KeepsTheOnesBefore()
    {
        int starts = 0;
        TuneRun run = Run(batch => batch == 10 && ++starts > 1 ? throw new LoadException(ExitCode.CannotStart, "no memory") : Server(0.1 / batch));

        TuneResult result = run.Run("", "m", Settings);

        Assert.Null(result.Points[0].Problem);
        Assert.InRange(result.Points[0].Throughput, 95, 105);
        Assert.Equal("delay 0 µs, batch 10: not all of its passes could be measured: no memory", Assert.Single(run.Notes));
        Assert.Equal(2, starts);
    }

    [Fact]
    public void Run_ServerThatDoesNotStart_IsAResultAndEndsNothing()
    {
        TuneResult result = Run(batch => batch == 10 ? throw new LoadException(ExitCode.CannotStart, "no such field") : Server(0.01)).Run("", "m", Settings);

        Assert.Equal("no such field", result.Points[0].Problem);
        Assert.True(result.Points[1].IsBest);
    }

    private static VirtualTrialLoad Server(double seconds, double client = 50_000) => new(time => new SimulatedServer(time, 1, () => seconds)) { Client = _ => client };

    private static TuneRun Run(Func<int, VirtualTrialLoad> load, Objective? objective = null, bool mayGrow = false, double seconds = 15) =>
        new(config => new Tuned(load(config.Contains("max_batch_size: 10", StringComparison.Ordinal) ? 10 : 20), mayGrow), seconds, 0, objective, new SilentDisplay(), CancellationToken.None);

    private sealed class Tuned(ITrialLoad load, bool mayGrow) : ITunedServer
    {
        public ITrialLoad Load => load;

        public Callers Callers => new(16, 1, 16, mayGrow);

        public void Dispose()
        {
        }
    }
}
