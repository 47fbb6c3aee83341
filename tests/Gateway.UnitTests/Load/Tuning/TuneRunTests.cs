using Gateway.Load;
using Gateway.Load.Capacity;
using Gateway.Load.Carriers;
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

        TuneRun slow = Run(_ => Server(0.001), clientRate: 1100);
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
    public void Run_ServerThatDoesNotStart_IsAResultAndEndsNothing()
    {
        TuneResult result = Run(batch => batch == 10 ? throw new LoadException(ExitCode.CannotStart, "no such field") : Server(0.01)).Run("", "m", Settings);

        Assert.Equal("no such field", result.Points[0].Problem);
        Assert.True(result.Points[1].IsBest);
    }

    private static VirtualTrialLoad Server(double seconds) => new(time => new SimulatedServer(time, 1, () => seconds));

    private static TuneRun Run(Func<int, VirtualTrialLoad> load, Objective? objective = null, double clientRate = 50_000, bool mayGrow = false) =>
        new((config, _) => new Tuned(load(config.Contains("max_batch_size: 10", StringComparison.Ordinal) ? 10 : 20), clientRate, mayGrow), 5, 0, objective, new SilentDisplay(), CancellationToken.None);

    private sealed class Tuned(ITrialLoad load, double clientRate, bool mayGrow) : ITunedServer
    {
        public ITrialLoad Load => load;

        public Callers Callers => new(16, 1, 16, mayGrow);

        public double ClientRate => clientRate;

        public void Dispose()
        {
        }
    }
}
