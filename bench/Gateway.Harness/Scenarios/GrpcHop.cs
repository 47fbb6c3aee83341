using System.Globalization;
using System.Net;
using Gateway.Harness.Load;
using Gateway.Harness.Machine;
using Gateway.Harness.Models;
using Gateway.Harness.Results;
using Gateway.Harness.Subjects;

namespace Gateway.Harness.Scenarios;

/// <summary>What it costs over gRPC that another server answers: as <see cref="Hop"/>.</summary>
internal sealed class GrpcHop : IScenario
{
    // From design.md, "Budgets".
    private static readonly Budget Most = Budget.AtMost(200);

    public string Name => "overflow-hop-grpc";

    public string Summary => "one call at a time, light model, gRPC: mean time added by forwarding to a replica on loopback";

    public IReadOnlyList<Comparison> Measure(Effort effort)
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("gateway-empty-");
        string body = Path.GetTempFileName();
        try
        {
            BenchModel model = BenchModel.Mlp;
            File.WriteAllBytes(body, GrpcBody.For(model, 1));
            using ServerProcess replica = effort.Programs.StartGatewayWithGrpc(BenchModel.Repository, out _, out IPEndPoint there, Affinity.CanPin ? $"{Affinity.ClientCore}" : null);
            string address = string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{replica.EndPoint.Port}");
            using ServerProcess door = effort.Programs.StartGatewayWithGrpc(folder.FullName, out _, out IPEndPoint here, cores: null, "--model-control-mode", "explicit", "--overflow-replica", address);
            int answer = Grpc.Probe(there, Grpc.InferPath, body);
            Await(here, body);
            H2LoadResult Through(double seconds) => H2Load.Run(door, here, Grpc.InferPath, body, connections: 1, streams: 1, answer, seconds);
            H2LoadResult Direct(double seconds) => H2Load.Run(replica, there, Grpc.InferPath, body, connections: 1, streams: 1, answer, seconds);
            Direct(effort.WarmUpSeconds);
            Through(effort.WarmUpSeconds);
            (H2LoadResult[] through, H2LoadResult[] direct) = effort.InTurn(() => Through(effort.Seconds), () => Direct(effort.Seconds));
            Series ours = new("forwarded, mean", "µs", [.. through.Select(result => result.MeanMicroseconds)]);
            Series bare = new("direct, mean", "µs", [.. direct.Select(result => result.MeanMicroseconds)]);
            Series added = new("added", "µs", [.. ours.Rounds.Zip(bare.Rounds, (one, other) => one - other)]);
            return [new Comparison($"{model.Name}, 1 call at a time", added, Most, [ours, bare], new { through, direct })];
        }
        finally
        {
            File.Delete(body);
            folder.Delete();
        }
    }

    /// <summary>Waits until the door forwards: until it has asked the replica, and has warmed it up, it refuses.</summary>
    private static void Await(IPEndPoint door, string body)
    {
        while (true)
        {
            try
            {
                Grpc.Probe(door, Grpc.InferPath, body);
                return;
            }
            catch (IOException)
            {
                // Not yet.
            }
        }
    }
}
