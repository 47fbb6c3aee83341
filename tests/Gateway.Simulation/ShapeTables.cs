using Gateway.TestSupport.Simulation;

namespace Gateway.Simulation;

/// <summary>What is answered in time where rows differ in size, with a factor for each size and with one mean for all.</summary>
internal static class ShapeTables
{
    private static readonly double[] Loads = [0.3, 0.9, 1.2, 3];

    public static void Print(TextWriter to)
    {
        to.WriteLine("Rows of 32, 128 and 512 elements, as much work in each: work in time as % of capacity (of what is offered below 100 %), % of work run for nothing; of each size % served, and % late of those that were answered");
        Print(to, "the same deadline for all, of three best batches of the longest", time: null, work: null);
        Print(to, "a third of that: one best batch of the longest", _ => ShapeMix.Time / 3, work: null);
        Print(to, "ten single runs of its own, and a best batch of the longest", size => (10e6 * ShapeMix.InProportion(size)) + (ShapeMix.Time / 3), work: null);
        Print(to, "the same deadline for all, of three best batches of 32 elements; the longest take twice as long", _ => ShapeMix.Time / 16, size => 1 + (ShapeMix.InProportion(size) / 15));
        Print(to, "the same deadline for all, of three best batches of 32 elements, which the longest, at 64 times, never make", _ => ShapeMix.Time / 16, size => ShapeMix.InProportion(size) > 4 ? 64 : ShapeMix.InProportion(size));
    }

    private static void Print(TextWriter to, string name, Func<long, double>? time, Func<long, double>? work)
    {
        to.WriteLine();
        to.WriteLine(name);
        foreach (bool knowsShapes in (bool[])[true, false])
        {
            foreach (double load in Loads)
            {
                SimulationResult result = Simulator.Run(ShapeMix.At(load, knowsShapes, time, work));
                string served = string.Join(' ', Enumerable.Range(0, 3).Select(i => $"{100 * result.ServedOf(i):F0}"));
                string late = string.Join(' ', Enumerable.Range(0, 3).Select(i => $"{100 * result.LateOf(i):F1}"));
                double refusal = result.RefusalTimes.Count > 0 ? result.RefusalTimes.Average() / 1e6 : 0;
                to.WriteLine($"{(knowsShapes ? "by size" : "one mean"),-10}{load,4:F1}: {100 * (load < 1 ? result.ShareInTime : result.Goodput),5:F1}  wasted {100 * result.Wasted,4:F1}  served {served}  late {late}  refused after {refusal:F1} ms");
            }
        }
    }
}
