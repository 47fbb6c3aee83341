using System.Text.Json;
using Gateway.Harness.Models;

namespace Gateway.Benchmarks.Allocations;

/// <summary>Compares what the request path allocates with <c>bench/allocation-budgets.json</c>: no timing, so that any machine can decide it.</summary>
internal static class AllocationCheck
{
    // Pools are full and code is compiled after far fewer.
    private const int WarmUps = 500;
    private const int Invocations = 500;

    // Something in the runtime may allocate meanwhile (a timer, the thread pool's gate); it does not do so every time.
    private const int Attempts = 3;

    /// <returns>Whether every case is within its budget.</returns>
    public static async Task<bool> RunAsync(TextWriter output)
    {
        Dictionary<string, long> budgets =
            JsonSerializer.Deserialize<Dictionary<string, long>>(await File.ReadAllTextAsync(Path.Combine(RepositoryRoot.Path, "bench", "allocation-budgets.json")))!;
        bool isWithin = true;
        foreach (AllocationCase each in AllocationCase.All())
        {
            double bytes = await MeasureAsync(each);
            await each.CleanUp();
            if (!budgets.Remove(each.Name, out long budget))
            {
                output.WriteLine($"{each.Name,-28} {bytes,8:F1} B   has no budget in allocation-budgets.json");
                isWithin = false;
                continue;
            }

            // A pool that grew once in a while is less than a byte an operation.
            bool fits = Math.Floor(bytes) <= budget;
            output.WriteLine($"{each.Name,-28} {bytes,8:F1} B   budget {budget,4} B   {(fits ? "ok" : "EXCEEDED")}");
            isWithin &= fits;
        }

        foreach (string unknown in budgets.Keys)
        {
            output.WriteLine($"{unknown,-28} has a budget and is not checked");
            isWithin = false;
        }

        return isWithin;
    }

    /// <returns>Managed bytes that all threads together allocate for one operation, the least of several attempts.</returns>
    private static async Task<double> MeasureAsync(AllocationCase each)
    {
        for (int i = 0; i < WarmUps; i++) await each.Invoke();
        double least = double.MaxValue;
        for (int attempt = 0; attempt < Attempts; attempt++)
        {
            long before = GC.GetTotalAllocatedBytes(precise: true);
            for (int i = 0; i < Invocations; i++) await each.Invoke();
            least = Math.Min(least, GC.GetTotalAllocatedBytes(precise: true) - before);
        }

        return least / ((double)Invocations * each.Operations);
    }
}
