using System.Net;
using Gateway.Harness.Load;
using Gateway.Harness.Models;
using Gateway.Harness.Results;
using Gateway.Harness.Subjects;

namespace Gateway.Harness.Scenarios;

/// <summary>gRPC: inferences a second, and what one costs the server, beside a bare HTTP/2 endpoint of the same bytes, HTTP binary, and one stream of many.</summary>
internal sealed class Grpc(BenchModel model) : IScenario
{
    internal const string InferPath = "/inference.GRPCInferenceService/ModelInfer";
    private const string StreamPath = "/inference.GRPCInferenceService/ModelStreamInfer";
    private const string AllocatedBytes = "gateway_gc_allocated_bytes_total";

    // Requests of each stream: as many as fill a batch.
    private const int StreamedRequests = 64;
    private const int HttpConnections = 64;

    // From design: a request over gRPC against the same bytes over bare HTTP/2.
    private static readonly Budget Ratio = Budget.AtLeast(0.70);
    private static readonly Budget Streaming = Budget.AtMost(1);

    // Connections and calls under way on each: 1, 16, 64 and 256 at a time.
    private static readonly (int Connections, int Streams)[] Cases = [(1, 1), (1, 16), (4, 16), (4, 64)];

    public string Name => "grpc";

    public string Summary => $"inferences/s of {model.Name} over gRPC ÷ requests/s of a bare Kestrel HTTP/2 endpoint; server CPU beside HTTP binary and streams";

    public IReadOnlyList<Comparison> Measure(Effort effort)
    {
        string folder = Directory.CreateTempSubdirectory("gateway-grpc-").FullName;
        try
        {
            string one = Path.Combine(folder, "one");
            string many = Path.Combine(folder, "many");
            File.WriteAllBytes(one, GrpcBody.For(model, 1));
            File.WriteAllBytes(many, GrpcBody.For(model, StreamedRequests));
            using ServerProcess server = effort.Programs.StartGatewayWithGrpc(BenchModel.Repository, out int metricsPort, out IPEndPoint grpc);
            int answer = Probe(grpc, InferPath, one);
            int answers = Probe(grpc, StreamPath, many);
            using ServerProcess bare = Programs.StartBareHttp2(answer, out IPEndPoint bareEndPoint);
            InferExchange http = InferExchange.For(model);
            effort.WarmUp(server, http);
            H2LoadResult Ours(int connections, int streams, double seconds) => H2Load.Run(server, grpc, InferPath, one, connections, streams, answer, seconds);
            H2LoadResult Bare(int connections, int streams, double seconds) => H2Load.Run(bare, bareEndPoint, InferPath, one, connections, streams, answer, seconds);
            Ours(4, 64, effort.WarmUpSeconds);
            Bare(4, 64, effort.WarmUpSeconds);

            List<Comparison> comparisons = [];
            foreach ((int connections, int streams) in Cases)
            {
                double allocated = 0;
                (H2LoadResult[] ours, H2LoadResult[] theirs) = effort.InTurn(
                    () =>
                    {
                        double before = MetricsPage.Read(metricsPort, AllocatedBytes);
                        H2LoadResult result = Ours(connections, streams, effort.Seconds);
                        allocated = (MetricsPage.Read(metricsPort, AllocatedBytes) - before) / (result.PerSecond * Math.Max(1, Math.Round(effort.Seconds)));
                        return result;
                    },
                    () => Bare(connections, streams, effort.Seconds));
                Series gateway = new("gRPC", "inferences/s", [.. ours.Select(result => result.PerSecond)]);
                Series endpoint = new("bare HTTP/2 endpoint", "requests/s", [.. theirs.Select(result => result.PerSecond)]);
                string name = $"{model.Name}, {connections} connection{(connections > 1 ? "s" : "")}, {streams} call{(streams > 1 ? "s" : "")} on each";
                comparisons.Add(new Comparison(
                    name,
                    Series.Ratio(gateway, endpoint),
                    connections * streams >= HttpConnections ? Ratio : null,
                    [
                        gateway,
                        endpoint,
                        new Series("server CPU", "µs/inference", [.. ours.Select(result => result.ServerCpuMicroseconds)]),
                        new Series("bare endpoint's CPU", "µs/request", [.. theirs.Select(result => result.ServerCpuMicroseconds)]),
                        new Series("mean latency", "µs", [.. ours.Select(result => result.MeanMicroseconds)]),
                        new Series("allocated", "B/inference", [allocated]),
                    ],
                    new { ours, theirs }));
                comparisons.Add(BesideBoth.Compare(effort, model, name, gateway, endpoint, Math.Min(connections * streams, model.MaxBatchSize)));
            }

            comparisons.Add(BesideHttp(effort, server, http, () => Ours(4, 16, effort.Seconds)));
            comparisons.Add(Streamed(effort, () => H2Load.Run(server, grpc, StreamPath, many, connections: 4, streams: 1, answers, effort.Seconds), () => Ours(4, 64, effort.Seconds)));
            return comparisons;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static Comparison BesideHttp(Effort effort, ServerProcess server, InferExchange http, Func<H2LoadResult> measure)
    {
        (H2LoadResult[] ours, LoadResult[] overHttp) = effort.InTurn(measure, () => effort.Load(server, http, HttpConnections));
        Series grpc = new("gRPC, 64 calls", "µs of server CPU", [.. ours.Select(result => result.ServerCpuMicroseconds)]);
        Series binary = new($"HTTP binary, {HttpConnections} connections", "µs of server CPU", [.. overHttp.Select(result => 1e6 * result.ServerBusy / result.PerSecond)]);
        return new Comparison("server CPU of an inference, beside HTTP binary", Series.Ratio(grpc, binary), Budget: null, [grpc, binary], new { ours, overHttp });
    }

    private static Comparison Streamed(Effort effort, Func<H2LoadResult> streamed, Func<H2LoadResult> calls)
    {
        (H2LoadResult[] streams, H2LoadResult[] unary) = effort.InTurn(streamed, calls);
        Series perStreamed = new($"streams of {StreamedRequests}, 4 at a time", "µs of server CPU", [.. streams.Select(result => result.ServerCpuMicroseconds / StreamedRequests)]);
        Series perCall = new("256 calls at a time", "µs of server CPU", [.. unary.Select(result => result.ServerCpuMicroseconds)]);
        return new Comparison("server CPU of an inference, streamed beside call by call", Series.Ratio(perStreamed, perCall), Streaming, [perStreamed, perCall], new { streams, unary });
    }

    /// <summary>Makes one call, and sees that it succeeds.</summary>
    /// <returns>Bytes of its messages.</returns>
    internal static int Probe(IPEndPoint grpc, string path, string bodyFile)
    {
        using HttpClient client = new();
        using HttpRequestMessage request = new(HttpMethod.Post, $"http://{grpc}{path}")
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = new ByteArrayContent(File.ReadAllBytes(bodyFile)) { Headers = { { "content-type", "application/grpc" } } },
        };
        using HttpResponseMessage response = client.SendAsync(request).GetAwaiter().GetResult();
        byte[] body = response.Content.ReadAsByteArrayAsync().GetAwaiter().GetResult();
        string status = string.Concat(response.TrailingHeaders.Concat(response.Headers).Where(header => header.Key.StartsWith("grpc-", StringComparison.Ordinal)).SelectMany(header => header.Value));
        return status == "0" ? body.Length : throw new IOException($"{path} failed: {status}");
    }
}
