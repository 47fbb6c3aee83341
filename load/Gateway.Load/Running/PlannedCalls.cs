using Gateway.Load.Arrivals;
using Gateway.Load.Scenarios;

namespace Gateway.Load.Running;

/// <summary>How many calls a scenario will have.</summary>
internal static class PlannedCalls
{
    /// <summary>Those that are due after the warm-up: of the open model exactly as many as will be offered, for the same seed gives the same arrivals; <see cref="long.MaxValue"/> where copies call as often as the server lets them.</summary>
    public static long Of(ScenarioPlan plan)
    {
        if (plan.Simulations.Any(simulation => simulation.IsClosed)) return long.MaxValue;
        ArrivalStream arrivals = new(plan.Simulations, plan.Seed);
        long count = 0;
        while (arrivals.Next() is var due && !double.IsInfinity(due)) count += due >= plan.WarmUpSeconds ? 1 : 0;
        return count;
    }
}
