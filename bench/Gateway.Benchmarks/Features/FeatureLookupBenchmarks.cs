using System.Buffers.Binary;
using BenchmarkDotNet.Attributes;
using Gateway.Core.Features;
using Gateway.Core.Features.Configuration;
using Gateway.Core.Memory;
using Gateway.Faster;
using Gateway.Protocol.Tensors;
using Microsoft.Extensions.Logging.Abstractions;

namespace Gateway.Benchmarks.Features;

/// <summary>Look-ups of rows of 64 numbers, a thousand at a time by 16 callers, of keys that are equally likely: of a view that fits into its memory, and of one that is twice as large.</summary>
/// <remarks>What is on disk comes from the operating system's cache, as long as it has room.</remarks>
[MemoryDiagnoser]
public class FeatureLookupBenchmarks
{
    private const int Callers = 16;
    private const int KeysACall = 64;
    private const int RowElements = 64;
    private const long MemoryBytes = 64 << 20;

    private readonly BlockPool _pool = new(256 << 20, lockPages: false);
    private readonly MemoryBlock[] _keys = new MemoryBlock[Callers];
    private readonly MemoryBlock[] _rows = new MemoryBlock[Callers];
    private readonly Task[] _calls = new Task[Callers];
    private readonly Random _random = new(1);
    private FeatureViews _views = null!;
    private string _folder = "";
    private int _count;

    /// <summary>How many times its memory the view's rows are.</summary>
    [Params(0.5, 2)]
    public double Size { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        _folder = Directory.CreateTempSubdirectory("features").FullName;
        FeatureViewConfig config = new() { Name = "v", KeyType = DataType.Int64, DataType = DataType.Fp32, Row = new TensorShape([RowElements]), MemoryBytes = MemoryBytes };
        _views = FasterFeatureViews.Create([config], new Dictionary<string, string>(), _folder, _pool, TimeProvider.System, NullLogger<FeatureViews>.Instance);
        FeatureView view = _views.All[0];
        view.WhenRestored.Wait();
        view.Open();
        byte[] keys = new byte[4096 * sizeof(long)];
        byte[] rows = new byte[4096 * config.RowBytes];
        while (_count == 0 || view.Usage()!.RowBytes < Size * MemoryBytes)
        {
            for (int i = 0; i < 4096; i++) BinaryPrimitives.WriteInt64LittleEndian(keys.AsSpan(i * sizeof(long)), _count++);
            view.PutAsync(keys, rows, 4096).Wait();
        }

        for (int i = 0; i < Callers; i++)
        {
            if (!_pool.TryRent(KeysACall * sizeof(long), BlockOwner.RequestTensors, out _keys[i]!) || !_pool.TryRent(KeysACall * (1 + config.RowBytes), BlockOwner.RequestTensors, out _rows[i]!)) throw new InvalidOperationException("The pool is too small.");
        }
    }

    [GlobalCleanup]
    public void Cleanup()
    {
        _views.Dispose();
        _pool.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Benchmark(OperationsPerInvoke = Callers * KeysACall)]
    public Task LookUpAsync()
    {
        for (int i = 0; i < Callers; i++)
        {
            for (int key = 0; key < KeysACall; key++) BinaryPrimitives.WriteInt64LittleEndian(_keys[i].Span[(key * sizeof(long))..], _random.Next(_count));
            _calls[i] = _views.All[0].LookUpAsync(_keys[i], KeysACall, _rows[i]);
        }

        return Task.WhenAll(_calls);
    }
}
