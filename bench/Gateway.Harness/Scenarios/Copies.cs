using Gateway.Harness.Load;
using Gateway.Harness.Models;
using Gateway.Harness.Results;
using Gateway.Harness.Subjects;

namespace Gateway.Harness.Scenarios;

/// <summary>How often each byte of input is copied between the connection and the model, by the server's own counters.</summary>
internal sealed class Copies : IScenario
{
    private const string CopiedBytes = "gateway_copied_input_bytes_total{model=\"mlp3k\",stage=";

    // From design.md, "The path of one request": socket to block, block to slab. Kestrel's own read from the socket is not among them.
    private static readonly Budget MostCopies = Budget.AtMost(2);

    public string Name => "copies";

    public string Summary => "bytes copied ÷ bytes of input, mlp3k, requests of 1, 8 and 64 rows (12 KB, 98 KB, 786 KB), 16 connections and alone";

    public IReadOnlyList<Comparison> Measure(Effort effort)
    {
        using ServerProcess server = effort.Programs.StartGateway(BenchModel.Repository, out int metricsPort);
        List<Comparison> comparisons = [];
        foreach ((int rows, int connections) in new[] { (1, 16), (8, 16), (64, 16), (8, 1), (64, 1) })
        {
            InferExchange exchange = InferExchange.For(BenchModel.Mlp3K, rows);
            double input = rows * (double)BenchModel.Mlp3K.InputElements * sizeof(float);
            double[] received = new double[effort.Rounds];
            double[] gathered = new double[effort.Rounds];
            for (int i = 0; i < effort.Rounds; i++)
            {
                double receivedBefore = MetricsPage.Read(metricsPort, CopiedBytes + "\"receive\"");
                double gatheredBefore = MetricsPage.Read(metricsPort, CopiedBytes + "\"gather\"");
                double bytes = input * effort.Load(server, exchange, connections).Answered;
                received[i] = (MetricsPage.Read(metricsPort, CopiedBytes + "\"receive\"") - receivedBefore) / bytes;
                gathered[i] = (MetricsPage.Read(metricsPort, CopiedBytes + "\"gather\"") - gatheredBefore) / bytes;
            }

            string name = $"{input / 1000:F0} KB in {rows} rows, {connections} connections";
            Series sum = new("copied ÷ input", "", [.. received.Zip(gathered, (one, other) => one + other)]);
            comparisons.Add(new Comparison(name, sum, MostCopies, [new Series("connection to request", "", received), new Series("request to batch", "", gathered)]));
        }

        return comparisons;
    }
}
