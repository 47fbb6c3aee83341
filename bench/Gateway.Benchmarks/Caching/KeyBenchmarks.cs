using BenchmarkDotNet.Attributes;
using Gateway.Benchmarks.Scheduling;
using Gateway.Core.Caching.Keys;
using Gateway.Core.Memory;
using Gateway.Core.Requests;
using Gateway.Protocol.Tensors;

namespace Gateway.Benchmarks.Caching;

/// <summary>The digest of a request's bytes: divide the bytes by the time for GB/s. To be at least 10 GB/s for a photograph.</summary>
[MemoryDiagnoser]
public class KeyBenchmarks
{
    private readonly CacheSecret _secret = CacheSecret.Random();
    private readonly BlockPool _pool = new(8 << 20, lockPages: false);
    private byte[] _input = [];
    private NoOpModel _model = null!;
    private InferenceRequest _request = null!;
    private KeyMaker _keys = null!;

    /// <summary>Bytes of input: a light model's, and a photograph of 3 × 224 × 224 in FP32.</summary>
    [Params(1024, 602_112)]
    public int Bytes { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        _input = new byte[Bytes];
        new Random(1).NextBytes(_input);
        _model = new NoOpModel(_pool, maxBatchSize: 8);
        _keys = new KeyMaker(_secret, NoOpModel.Name, 1, UInt128.One);
        _request = _model.Served.RentRequest();
        if (!_pool.TryRent(Bytes, BlockOwner.RequestTensors, out MemoryBlock? block)) throw new InvalidOperationException("The pool is too small.");
        _input.CopyTo(block.Span);
        _request.Block = block;
        _request.Inputs[0] = new InputTensor { DataType = DataType.Fp32, Shape = new TensorShape([1, Bytes / sizeof(float)]), ByteLength = Bytes };
    }

    [GlobalCleanup]
    public void Cleanup()
    {
        _request.Dispose();
        _model.DisposeAsync().AsTask().Wait();
        _pool.Dispose();
    }

    [Benchmark]
    public ulong Digest()
    {
        AegisMac mac = _secret.ForKeys;
        mac.Absorb(_input);
        return (ulong)mac.Finish().First;
    }

    /// <summary>The key of a request with them: the digest, begun with the model, of type and shape too.</summary>
    [Benchmark]
    public ulong Key() => _keys.Of(_request).Bits;

    /// <summary>What reading the bytes once costs at best.</summary>
    [Benchmark(Baseline = true)]
    public int Sum()
    {
        int sum = 0;
        foreach (int word in System.Runtime.InteropServices.MemoryMarshal.Cast<byte, int>(_input.AsSpan())) sum ^= word;
        return sum;
    }
}
