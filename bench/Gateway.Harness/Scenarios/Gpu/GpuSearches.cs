using Gateway.Harness.Models;
using Gateway.Harness.Results;
using Gateway.Harness.Subjects.Gpu;
using Gateway.OnnxRuntime.Sessions;

namespace Gateway.Harness.Scenarios.Gpu;

/// <summary>How CUDA's provider finds an algorithm for each convolution and size: what the first run of a size costs by each way, and what the runs after it take.</summary>
internal sealed class GpuSearches(string provider) : IGpuPart
{
    private const int Rows = 64;
    private const double Share = 0.15;

    // As the provider spells them; the first is its own default, and Triton's.
    private static readonly string[] Ways = ["EXHAUSTIVE", "HEURISTIC"];

    public string Name => "searches";

    public IEnumerable<Comparison> Measure(Effort effort)
    {
        if (!provider.Equals(OrtProviders.Cuda, StringComparison.OrdinalIgnoreCase)) yield break;
        foreach (BenchModel model in new[] { BenchModel.Conv, BenchModel.Heavy }.Where(effort.Wants)) yield return Measure(model, effort);
    }

    private Comparison Measure(BenchModel model, Effort effort)
    {
        // What a process does once for its first convolution is no part of it.
        using (DeviceLoop loop = new(model, provider, 1)) loop.Run();
        List<Series> firsts = [];
        List<Series> steady = [];
        foreach (string way in Ways)
        {
            double[] first = new double[effort.Rounds];
            double[] after = new double[effort.Rounds];
            for (int round = 0; round < effort.Rounds; round++)
            {
                using DeviceLoop loop = new(model, provider, Rows, new Dictionary<string, string> { ["cudnn_conv_algo_search"] = way });
                first[round] = GpuStages.Time(loop.Run, 0);
                for (int i = 0; i < 3; i++) loop.Run();
                after[round] = GpuStages.Time(loop.Run, effort.Seconds * Share);
            }

            firsts.Add(new Series($"{way}, first run", "µs", first));
            steady.Add(new Series($"{way}, runs after it", "µs", after));
        }

        return new Comparison($"{model.Name}, batch {Rows}", Series.Ratio(steady[1], steady[0]), Budget: null, [.. firsts, .. steady]);
    }
}
