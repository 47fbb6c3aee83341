using System.Net;
using Gateway.Harness.Load;
using Gateway.Harness.Models;
using Gateway.Harness.Results;
using Gateway.Harness.Subjects;

namespace Gateway.Harness.Scenarios.Cache;

/// <summary>A thousand equal requests at once that nobody has asked before: how often the model runs, and until when all are answered.</summary>
internal sealed class CacheHerd : IScenario
{
    private const int Connections = 4;
    private const int CallsEach = 250;

    public string Name => "cache-herd";

    public string Summary => "runs of the model for 1,000 equal requests at once, over 4 connections of frames";

    public IReadOnlyList<Comparison> Measure(Effort effort)
    {
        using CacheRepository repository = new();
        using ServerProcess server = effort.Programs.StartGateway(repository.Models, out int metrics, out IPEndPoint frames);
        FrameExchange exchange = FrameExchange.For(BenchModel.Heavy);
        double[] runs = new double[effort.Rounds];
        double[] milliseconds = new double[effort.Rounds];
        for (int round = -1; round < effort.Rounds; round++)
        {
            exchange.Renew(round + 1);
            double before = MetricsPage.Read(metrics, "nv_inference_exec_count{model=\"heavy\"");
            double passed = Ask(frames, exchange);
            if (round < 0) continue;
            runs[round] = MetricsPage.Read(metrics, "nv_inference_exec_count{model=\"heavy\"") - before;
            milliseconds[round] = passed;
        }

        return [new Comparison("1,000 equal requests", new Series("runs", "", runs), Budget.AtMost(1), [new Series("until all are answered", "ms", milliseconds)])];
    }

    /// <returns>Milliseconds until the last answer.</returns>
    private static double Ask(IPEndPoint frames, FrameExchange exchange)
    {
        List<FrameClient> clients = [];
        try
        {
            for (int i = 0; i < Connections; i++) clients.Add(new FrameClient(frames, exchange, CallsEach));
            long start = TimeProvider.System.GetTimestamp();
            int pending = 0;
            foreach (FrameClient client in clients)
            {
                for (int slot = 0; slot < CallsEach; slot++, pending++) client.Add(slot, start);
                client.Send();
            }

            while (pending > 0)
            {
                foreach (FrameClient client in clients) client.Receive((_, _) => pending--);
            }

            return TimeProvider.System.GetElapsedTime(start).TotalMilliseconds;
        }
        finally
        {
            foreach (FrameClient client in clients) client.Dispose();
        }
    }
}
