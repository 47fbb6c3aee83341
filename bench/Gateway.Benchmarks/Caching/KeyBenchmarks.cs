using BenchmarkDotNet.Attributes;
using Gateway.Core.Caching.Keys;

namespace Gateway.Benchmarks.Caching;

/// <summary>The digest of a request's bytes: divide the bytes by the time for GB/s. To be at least 10 GB/s for a photograph.</summary>
[MemoryDiagnoser]
public class KeyBenchmarks
{
    private readonly CacheSecret _secret = CacheSecret.Random();
    private byte[] _input = [];

    /// <summary>Bytes of input: a light model's, and a photograph of 3 × 224 × 224 in FP32.</summary>
    [Params(1024, 602_112)]
    public int Bytes { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        _input = new byte[Bytes];
        new Random(1).NextBytes(_input);
    }

    [Benchmark]
    public ulong Digest()
    {
        AegisMac mac = _secret.ForKeys;
        mac.Absorb(_input);
        return (ulong)mac.Finish().First;
    }

    /// <summary>What reading the bytes once costs at best.</summary>
    [Benchmark(Baseline = true)]
    public int Sum()
    {
        int sum = 0;
        foreach (int word in System.Runtime.InteropServices.MemoryMarshal.Cast<byte, int>(_input.AsSpan())) sum ^= word;
        return sum;
    }
}
