namespace Gateway.TestSupport.Simulation;

/// <summary>Requests whose rows are of three sizes, 32, 128 and 512 elements, to a model that nobody has profiled, as none whose dimensions are free can be.</summary>
public static class ShapeMix
{
    /// <summary>What batches of 32 elements take.</summary>
    public static readonly SimulatedModel Model = new("tokens", 16, [(1, 1), (16, 8.5)]);

    /// <summary>Elements of a row.</summary>
    public static readonly long[] Sizes = [32, 128, 512];

    /// <summary>Time in which a request of any size could be served: three best batches of the longest, in nanoseconds.</summary>
    public static double Time => 3 * InProportion(Sizes[^1]) * Model.Nanoseconds(Model.BestRows);

    /// <summary>Sixteen times as long for sixteen times the elements.</summary>
    public static double InProportion(long elements) => elements / (double)Sizes[0];

    /// <param name="load">Offered work over what the instance can do; as much of it in each size.</param>
    /// <param name="knowsShapes">Whether the policy is told of rows' sizes, and not only that they share no batch.</param>
    /// <param name="time">Time to answer, by elements, in nanoseconds; null for the same for all.</param>
    /// <param name="work">How many times as long batches take, by elements; null for in proportion.</param>
    public static SimulationSetup At(double load, bool knowsShapes, Func<long, double>? time = null, Func<long, double>? work = null)
    {
        work ??= InProportion;
        double all = Sizes.Sum(size => 1 / work(size));
        return new SimulationSetup(Model, load)
        {
            Classes = [.. Sizes.Select(size => new RequestClass(1 / work(size) / all, time?.Invoke(size) ?? Time, Elements: size, Work: work(size)))],
            HasProfile = false,
            KnowsShapes = knowsShapes,
            Noise = 0.05,
            Requests = 60_000,
        };
    }
}
