using BenchmarkDotNet.Attributes;
using Gateway.Harness.Load;
using Gateway.Harness.Models;
using Gateway.Server.Grpc.Inference;
using Gateway.Server.Grpc.Messages;

namespace Gateway.Benchmarks.Grpc;

/// <summary>Reading a <c>ModelInferRequest</c>: ours, which leaves tensors where they lie, beside Google's.</summary>
[MemoryDiagnoser]
public class InferMessageBenchmarks
{
    private readonly InferMessage _message = new();
    private byte[] _bytes = [];

    [GlobalSetup]
    public void Setup() => _bytes = GrpcBody.For(BenchModel.Mlp, 1)[GrpcBody.PrefixBytes..];

    [Benchmark]
    public int Read()
    {
        _message.Read(_bytes);
        return _message.Inputs.Length;
    }

    [Benchmark(Baseline = true)]
    public int GoogleParse() => ModelInferRequest.Parser.ParseFrom(_bytes).Inputs.Count;
}
