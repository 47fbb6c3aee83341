using Gateway.Load.Arrivals;
using Gateway.Load.Carriers.Http;
using Gateway.Load.Engine;
using Gateway.Load.Payloads;
using Gateway.Load.Results;
using Gateway.Load.Running;
using Gateway.Load.Scenarios;
using Gateway.TestSupport;

namespace Gateway.UnitTests.Load.Engine;

/// <summary>Runs a worker against a server in virtual time, from beginning to end on the test's own thread.</summary>
internal static class VirtualLoad
{
    public static WorkerPlan Plan { get; } = new() { Steps = [new StepChoice(0, 1, new PayloadPicker(1, 0, 1))], MostCalls = 100_000 };

    public static LoadWorker Run(ManualTimeProvider time, ICallTransport server, WorkerPlan plan, params LoadSimulation[] simulations) => Run(time, server, plan, 11, simulations);

    public static LoadWorker Run(ManualTimeProvider time, ICallTransport server, WorkerPlan plan, int seed, params LoadSimulation[] simulations)
    {
        LoadWorker worker = new(plan, new ArrivalStream(simulations, seed), server, time, time.GetTimestamp());
        worker.Run();
        return worker;
    }

    public static ScenarioPlan Scenario(params LoadSimulation[] simulations) => new()
    {
        Name = "virtual",
        Target = new TargetAddress("http", "nowhere", 80, "/"),
        Carrier = new PlainHttpCarrier(),
        Steps = [new StepPlan("request", "", "", new PayloadRecipe())],
        Simulations = simulations,
        Connections = 1,
    };

    /// <summary>What a run of a second's warm-up, or another, comes to.</summary>
    public static ScenarioResult Result(ManualTimeProvider time, ICallTransport server, LoadSimulation simulation, double warmUpSeconds = 1, int seed = 11)
    {
        LoadWorker worker = Run(time, server, Plan with { WarmUpSeconds = warmUpSeconds }, seed, simulation);
        return RunResult.Of(Scenario(simulation), [simulation], warmUpSeconds, simulation.Seconds, 1, [worker], worker.Tally.PublishedFrom(0), null);
    }
}
