using System.Buffers;
using BenchmarkDotNet.Attributes;
using Gateway.Core.Memory;

namespace Gateway.Benchmarks.Memory;

/// <summary>Renting memory for one request and giving it back, beside the framework's own pool.</summary>
[MemoryDiagnoser]
public class BlockPoolBenchmarks
{
    private const int Operations = 64;
    private const long PoolBytes = 1L << 20;

    private BlockPool _pool = null!;

    /// <summary>The smallest block, and one that a 3×64×64 image takes.</summary>
    [Params(4096, 65536)]
    public int Bytes { get; set; } = 4096;

    [GlobalSetup]
    public void Setup() => _pool = new BlockPool(PoolBytes, lockPages: false);

    [GlobalCleanup]
    public void CleanUp() => _pool.Dispose();

    [Benchmark(Baseline = true, OperationsPerInvoke = Operations)]
    public int ArrayPoolRentReturn()
    {
        int total = 0;
        for (int i = 0; i < Operations; i++)
        {
            byte[] array = ArrayPool<byte>.Shared.Rent(Bytes);
            total += array.Length;
            ArrayPool<byte>.Shared.Return(array);
        }

        return total;
    }

    [Benchmark(OperationsPerInvoke = Operations)]
    public int RentRelease()
    {
        int total = 0;
        for (int i = 0; i < Operations; i++)
        {
            if (!_pool.TryRent(Bytes, BlockOwner.RequestTensors, out MemoryBlock? block)) throw new InvalidOperationException("the benchmark's pool is too small");
            total += block.Capacity;
            block.Release();
        }

        return total;
    }
}
