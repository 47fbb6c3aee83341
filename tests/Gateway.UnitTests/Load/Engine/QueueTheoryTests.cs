using Gateway.Load.Engine;
using Gateway.Load.Scenarios;
using Gateway.Load.Statistics;
using Gateway.TestSupport;

namespace Gateway.UnitTests.Load.Engine;

/// <summary>
/// Servers of which theory says the latencies, in virtual time. With 400,000 calls at a load of 0.7 the standard error of a mean is about 0.9 %; the bounds are
/// five of them.
/// </summary>
public class QueueTheoryTests
{
    private const double Arrivals = 700;
    private const double Service = 1000;
    private const double Error = 0.05;
    private const double TailError = 0.08;
    private const double Seconds = 400_000 / Arrivals;

    [Fact]
    public void Run_MM1_HasTheLatenciesOfTheory()
    {
        LatencyHistogram latency = Run(servers: 1, Arrivals, Exponential(Service));

        // The time in an M/M/1 system is exponential with the rate that is left.
        double left = Service - Arrivals;
        Near(1 / left, latency.Mean, Error);
        Near(Math.Log(2) / left, latency.Nanoseconds(0.5), Error);
        Near(Math.Log(10) / left, latency.Nanoseconds(0.9), Error);
        Near(Math.Log(100) / left, latency.Nanoseconds(0.99), TailError);
    }

    [Fact]
    public void Run_MD1_HasTheMeanOfTheory()
    {
        LatencyHistogram latency = Run(servers: 1, Arrivals, () => 1 / Service);

        // Pollaczek and Khinchine: half of what M/M/1 waits.
        const double Load = Arrivals / Service;
        Near((1 / Service) + (Load / (2 * Service * (1 - Load))), latency.Mean, Error);
        Assert.InRange(latency.Nanoseconds(0.01), 0.99e9 / Service, 1.01e9 / Service);
    }

    [Theory]
    [InlineData(2)]
    [InlineData(4)]
    public void Run_MMc_HasTheMeanOfTheory(int servers)
    {
        double arrivals = Arrivals * servers;
        LatencyHistogram latency = Run(servers, arrivals, Exponential(Service));

        // Erlang's C: the chance that a call waits.
        double offered = arrivals / Service;
        double term = 1;
        double sum = 0;
        for (int k = 0; k < servers; k++)
        {
            sum += term;
            term *= offered / (k + 1);
        }

        double last = term / (1 - (offered / servers));
        double waits = last / (sum + last);
        Near((1 / Service) + (waits / ((servers * Service) - arrivals)), latency.Mean, Error);
    }

    [Fact]
    public void Run_OpenLoadOnServerThatStallsForASecond_ShowsIt()
    {
        LatencyHistogram latency = RunWithStall(new LoadSimulation(SimulationKind.Inject, 10) { Rate = 100, Arrivals = ArrivalKind.Constant }, out LoadWorker worker);

        // A tenth of the calls fell into the second, and waited for its end: half a second on the average.
        Assert.InRange(latency.Nanoseconds(0.99) / 1e9, 0.8, 1.0);
        Assert.InRange(latency.Nanoseconds(0.95) / 1e9, 0.4, 0.6);
        Assert.Equal(1000, worker.Tally.Offered);
    }

    [Fact]
    public void Run_ClosedLoadOnServerThatStallsForASecond_HidesIt()
    {
        LatencyHistogram latency = RunWithStall(new LoadSimulation(SimulationKind.KeepConstant, 10) { Copies = 1 }, out _);

        // One caller in ten seconds: one of nine thousand calls.
        Assert.InRange(latency.Nanoseconds(0.999) / 1e9, 0, 0.01);
        Assert.InRange(latency.Max / 1e9, 0.9, 1.1);
    }

    private static LatencyHistogram RunWithStall(LoadSimulation simulation, out LoadWorker worker)
    {
        ManualTimeProvider time = new();
        long start = time.GetTimestamp();
        SimulatedServer server = new(time, servers: 1, () => 1 / Service) { Stall = (start + (5 * time.TimestampFrequency), start + (6 * time.TimestampFrequency)) };
        worker = VirtualLoad.Run(time, server, VirtualLoad.Plan, simulation);
        return worker.Tally.Latency;
    }

    private static LatencyHistogram Run(int servers, double arrivals, Func<double> service)
    {
        ManualTimeProvider time = new();
        SimulatedServer server = new(time, servers, service);
        LoadWorker worker = VirtualLoad.Run(time, server, VirtualLoad.Plan with { WarmUpSeconds = 5 }, new LoadSimulation(SimulationKind.Inject, Seconds) { Rate = arrivals });
        Assert.Equal(worker.Tally.Offered, worker.Tally.Answered);
        return worker.Tally.Latency;
    }

    private static Func<double> Exponential(double rate)
    {
        Random random = new(3);
        return () => -Math.Log(1 - random.NextDouble()) / rate;
    }

    private static void Near(double seconds, double nanoseconds, double error) => Assert.InRange(nanoseconds / 1e9, seconds * (1 - error), seconds * (1 + error));
}
