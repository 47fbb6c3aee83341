using Gateway.Load.Arrivals;
using Gateway.Load.Engine;
using Gateway.Load.Payloads;
using Gateway.Load.Scenarios;
using Gateway.TestSupport;

namespace Gateway.UnitTests.Load.Engine;

/// <summary>Runs a worker against a server in virtual time, from beginning to end on the test's own thread.</summary>
internal static class VirtualLoad
{
    public static WorkerPlan Plan { get; } = new() { Steps = [new StepChoice(0, 1, new PayloadPicker(1, 0, 1))], MostCalls = 100_000 };

    public static LoadWorker Run(ManualTimeProvider time, ICallTransport server, WorkerPlan plan, params LoadSimulation[] simulations)
    {
        LoadWorker worker = new(plan, new ArrivalStream(simulations, 11), server, time, time.GetTimestamp());
        worker.Run();
        return worker;
    }
}
