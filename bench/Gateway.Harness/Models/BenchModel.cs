using System.Runtime.InteropServices;

namespace Gateway.Harness.Models;

/// <summary>One of the models in <c>bench/models/repository</c>: one FP32 input <c>x</c>, one FP32 output <c>y</c>; and some of the harness's own.</summary>
/// <param name="MaxBatchSize">As its <c>config.pbtxt</c> has it.</param>
internal sealed record BenchModel(string Name, IReadOnlyList<int> InputDims, int MaxBatchSize)
{
    public const string InputName = "x";
    public const string OutputName = "y";

    // Ten classes, all of them.
    public const int OutputElements = 10;

    // Any will do; the same each time.
    private const int Seed = 20261122;

    public static readonly BenchModel Mlp = new("mlp", [64], 64);
    public static readonly BenchModel Mlp3K = new("mlp3k", [3072], 64);
    public static readonly BenchModel Conv = new("conv", [3, 32, 32], 64);
    public static readonly BenchModel Heavy = new("heavy", [3, 32, 32], 8);

    /// <summary>A photograph in, its first ten elements out: 602,112 bytes that cost a model nothing. Only in a <see cref="CacheRepository"/>.</summary>
    public static readonly BenchModel Image = new("image", [3, 224, 224], 8);

    /// <summary>Waits instead of computing: eight INT64 in, eight out. Only in a <see cref="TimedFleet"/>.</summary>
    public static readonly BenchModel Timed = new("timed", [8], 16) { DataType = "INT64", ElementBytes = sizeof(long) };

    /// <summary>Likewise, with the time of a GPU: a long start, and hardly more for a full batch than for one row. Only in a <see cref="TimedRepository"/>.</summary>
    public static readonly BenchModel GpuLike = new("gpu-like", [8], 128) { DataType = "INT64", ElementBytes = sizeof(long) };

    public static IReadOnlyList<BenchModel> All { get; } = [Mlp, Mlp3K, Conv, Heavy];

    public int InputElements => InputDims.Aggregate(1, (product, size) => product * size);

    public string DataType { get; init; } = "FP32";

    public int ElementBytes { get; init; } = sizeof(float);

    public int OutputBytes => DataType == "FP32" ? OutputElements * sizeof(float) : InputElements * ElementBytes;

    public string File => Path.Combine(Repository, Name, "1", "model.onnx");

    /// <summary>The folder to serve.</summary>
    public static string Repository => Path.Combine(RepositoryRoot.Path, "bench", "models", "repository");

    /// <exception cref="ArgumentException">There is no such model.</exception>
    public static BenchModel Named(string name) =>
        All.FirstOrDefault(model => model.Name == name) ?? throw new ArgumentException($"there is no model '{name}' to measure with (there are {string.Join(", ", All.Select(model => model.Name))})");

    /// <summary>Input rows of numbers between 0 and 1, the same each time.</summary>
    public byte[] RandomRows(int rows)
    {
        Random random = new(Seed);
        float[] values = new float[rows * InputElements * ElementBytes / sizeof(float)];
        foreach (ref float value in values.AsSpan()) value = random.NextSingle();
        return MemoryMarshal.AsBytes(values.AsSpan()).ToArray();
    }
}
