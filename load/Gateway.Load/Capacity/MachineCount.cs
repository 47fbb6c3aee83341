using Gateway.Load.Results;

namespace Gateway.Load.Capacity;

/// <summary>How many machines like the one measured carry a rate.</summary>
internal static class MachineCount
{
    /// <param name="rate">Calls a second that are to be carried, above 0.</param>
    /// <param name="headroom">Share of each machine's knee that is to stay free, 0 to below 1.</param>
    /// <returns>Null where no knee was found.</returns>
    public static MachinePlan? For(CapacityOf capacity, double rate, double headroom)
    {
        if (capacity.Knee <= 0) return null;
        return new MachinePlan(rate, headroom, Count(capacity.Knee), Count(capacity.Knees.Max()), Count(capacity.Knees.Where(knee => knee > 0).Min()), capacity.IsAtLeast);

        // A knee that divides the rate is not to cost a machine more by rounding.
        int Count(double knee) => (int)Math.Min(int.MaxValue, Math.Max(1, Math.Ceiling((rate / (knee * (1 - headroom))) - 1e-9)));
    }
}
