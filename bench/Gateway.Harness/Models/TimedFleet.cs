using System.Globalization;
using System.Net;
using Gateway.Harness.Subjects;
using ServerProcess = Gateway.Harness.Subjects.ServerProcess;

namespace Gateway.Harness.Models;

/// <summary>Gateways whose one model waits instead of computing, each the others' replica: a fleet on one machine.</summary>
/// <remarks>A batch of sixteen takes 36 ms, so each answers 444 requests a second. <b>Ownership</b>: owns the processes.</remarks>
internal sealed class TimedFleet : IDisposable
{
    private const int BaseMicroseconds = 20_000;
    private const int RowMicroseconds = 1000;

    private readonly TimedRepository _repository = new(BenchModel.Timed, BaseMicroseconds, RowMicroseconds);
    private readonly ServerProcess[] _servers;

    public TimedFleet(int servers)
    {
        int[] ports = [.. Enumerable.Range(0, servers).Select(_ => ServerProcess.FreePort())];
        Programs programs = new(Program);
        _servers = new ServerProcess[servers];
        for (int i = 0; i < servers; i++)
        {
            int own = i;
            string[] replicas = [.. ports.Where((_, other) => other != own).SelectMany(port => new[] { "--overflow-replica", string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{port}") })];
            _servers[i] = programs.StartGateway(_repository.Path, ports[i], out int metrics, out IPEndPoint frames, replicas);
            if (i == 0) (Frames, MetricsPort) = (frames, metrics);
        }
    }

    /// <summary>What one server can do, by its model alone, in requests a second.</summary>
    public static double CapacityOfOne { get; } = BenchModel.Timed.MaxBatchSize / ((BaseMicroseconds + (RowMicroseconds * BenchModel.Timed.MaxBatchSize)) / 1e6);

    /// <summary>The program as <c>dotnet build -c Release tests/Gateway.TimedServer</c> leaves it.</summary>
    public static string Program => Path.Combine(RepositoryRoot.Path, "tests", "Gateway.TimedServer", "bin", "Release", "net10.0", "Gateway.TimedServer");

    /// <summary>Where the first serves frames.</summary>
    public IPEndPoint Frames { get; } = null!;

    /// <summary>Where the first serves its metrics.</summary>
    public int MetricsPort { get; }

    /// <summary>CPU time of all.</summary>
    public TimeSpan CpuTime => _servers.Aggregate(TimeSpan.Zero, static (sum, server) => sum + server.CpuTime);

    public void Dispose()
    {
        foreach (ServerProcess server in _servers) server.Dispose();
        _repository.Dispose();
    }
}
