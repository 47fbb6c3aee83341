using System.Globalization;
using Gateway.Harness.Models;
using Gateway.Harness.Subjects;
using Gateway.TestSupport.Simulation;

namespace Gateway.Harness.Scenarios;

/// <summary>What the simulator says of an <see cref="Overload"/>: the same policy in virtual time, over the batch times that the server has learned.</summary>
/// <remarks>What a request costs beside its batch, by the capacity that was measured, is added to each row, as if it were done on the core that runs the model.</remarks>
internal sealed class SimulatedFigure(BenchModel model)
{
    /// <summary>Bursts and what is between them, in best batches.</summary>
    public const double BatchesABurst = 100;

    private const int Requests = 40_000;
    private SimulatedModel? _simulated;

    /// <summary>Seconds of a best batch.</summary>
    public double BatchSeconds => _simulated!.Nanoseconds(_simulated.BestRows) / 1e9;

    /// <summary>70 % of the capacity, and twice the capacity in the middle third, over 70 %.</summary>
    public static double OverloadInTheMiddle(double at) => at is >= 1 / 3.0 and < 2 / 3.0 ? 2 / 0.7 : 1;

    /// <param name="capacity">Rows a second.</param>
    public void Learn(int metricsPort, double capacity)
    {
        List<(int Rows, double Milliseconds)> points = [];
        for (int rows = 1; rows <= model.MaxBatchSize; rows *= 2)
        {
            string labels = string.Create(CultureInfo.InvariantCulture, $"{{model=\"{model.Name}\",rows=\"{rows}\"");
            points.Add((rows, 1000 * MetricsPage.Read(metricsPort, "gateway_batch_estimate_seconds" + labels)));
        }

        SimulatedModel bare = new(model.Name, model.MaxBatchSize, points);
        double beside = (1000 / capacity) - (1 / (bare.Capacity * 1e6));
        _simulated = bare with { FrontDoorMilliseconds = Math.Max(0, beside) };
    }

    /// <returns>Answers in time over capacity; below capacity, over what is offered.</returns>
    public double Of(double load, TimeSpan deadline, Traffic traffic, double tightPart, double tightShare, int retries)
    {
        SimulatedModel simulated = _simulated!;
        double time = deadline.TotalNanoseconds;
        RequestClass requests = new(1, time);
        double total = Requests / (simulated.Capacity * load);
        double countedFrom = traffic switch
        {
            Traffic.Recovery => (2 / 3.0) + (6 * time / total),
            Traffic.Stall => 0.8,
            _ => 0,
        };
        long inTime = 0;
        long all = 0;
        SimulationResult result = Simulator.Run(
            new SimulationSetup(simulated, load)
            {
                Classes = traffic == Traffic.Mixed ? [requests with { Share = tightShare, Time = tightPart * time }, requests with { Share = 1 - tightShare }] : [requests],
                Requests = Requests,
                IsBursty = traffic == Traffic.Bursty,
                Retries = traffic is Traffic.Retrying or Traffic.Recovery ? retries : 0,
                LoadOverTime = traffic == Traffic.Recovery ? OverloadInTheMiddle : null,
                SlownessOverTime = traffic == Traffic.Stall ? static at => at is >= 0.25 and < 0.55 ? 20 : 1 : null,
            },
            onEnded: (at, _, isInTime) =>
            {
                if (at < countedFrom) return;
                all++;
                if (isInTime) inTime++;
            });
        return countedFrom > 0 ? inTime / (double)Math.Max(1, all) : load < 1 ? result.ShareInTime : result.Goodput;
    }
}
