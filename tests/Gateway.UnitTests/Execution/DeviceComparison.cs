using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.RegularExpressions;
using Gateway.Core.Execution;
using Gateway.Core.Models;
using Gateway.Core.Requests;
using Gateway.Protocol;
using Gateway.Protocol.Tensors;
using Gateway.UnitTests.Models;

namespace Gateway.UnitTests.Execution;

/// <summary>A sample model served twice, by the CPU and by a device, and asked the same.</summary>
internal sealed class DeviceComparison : IAsyncDisposable
{
    /// <summary>Kernels add in other orders and fuse differently; a network of a few layers of FP32 stays within this of the CPU's answer.</summary>
    public static readonly (float Relative, float Absolute, float OfLargest) Exact = (1e-3f, 1e-4f, 0);

    /// <summary>NVIDIA's tensor cores multiply FP32 with ten bits of its mantissa (TF32), which CUDA's provider lets them unless it is told otherwise.</summary>
    public static readonly (float Relative, float Absolute, float OfLargest) TensorCores = (1e-2f, 0, 1e-2f);

    private readonly (float Relative, float Absolute, float OfLargest) _tolerance;
    private readonly TestRepository _repository;
    private readonly ServedModel _onCpu;
    private readonly ServedModel _onDevice;

    private DeviceComparison(TestRepository repository, (float Relative, float Absolute, float OfLargest) tolerance)
    {
        _tolerance = tolerance;
        _repository = repository;
        _onCpu = repository.Catalog.Find("on_cpu", 0);
        _onDevice = repository.Catalog.Find("on_device", 0);
    }

    public ExecutionPlacement Placement => _onDevice.Placements[0];

    public int MaxBatchRows => _onDevice.Layout.MaxBatchRows;

    /// <param name="instances">The part of a configuration that asks for the device.</param>
    /// <param name="mostRows">Largest batch, where the sample's own is larger.</param>
    /// <param name="tolerance">How far an FP32 element may be from the CPU's, of which relative to it and to the largest of its tensor; all others are equal.</param>
    public static async Task<DeviceComparison> OfAsync(string name, string instances, int mostRows, (float Relative, float Absolute, float OfLargest) tolerance)
    {
        TestRepository repository = new();
        string folder = TestRepository.File($"config/model-repository/{name}");
        string config = File.ReadAllText(Path.Combine(folder, "config.pbtxt")).Replace($"\nname: \"{name}\"\n", "\n", StringComparison.Ordinal);
        config = Regex.Replace(config, @"(?<=max_batch_size: )\d+", rows => Math.Min(mostRows, int.Parse(rows.Value, CultureInfo.InvariantCulture)).ToString(CultureInfo.InvariantCulture));
        Copy(folder, Path.Combine(repository.Path, "on_cpu"), config);
        Copy(folder, Path.Combine(repository.Path, "on_device"), WithoutInstances(config) + "\n" + instances);
        await repository.LoadAsync();
        foreach (string copy in new[] { "on_cpu", "on_device" })
        {
            Assert.True(repository.Status(copy).State == ModelState.Ready, repository.Status(copy).Reason);
        }

        return new DeviceComparison(repository, tolerance);
    }

    public async Task AssertAgreesAsync(int rows, int seed)
    {
        (long[] Shape, byte[] Raw)[] inputs = [.. _onCpu.Inputs.Select((spec, i) => Random(spec, rows, seed + i))];
        using InferenceRequest expected = _repository.Request("on_cpu", inputs);
        await _onCpu.InferAsync(expected);
        Assert.True(expected.Status == StatusCode.Ok, expected.Error);
        using InferenceRequest actual = _repository.Request("on_device", inputs);
        await _onDevice.InferAsync(actual);
        Assert.True(actual.Status == StatusCode.Ok, actual.Error);

        for (int i = 0; i < expected.Outputs.Length; i++)
        {
            Assert.Equal(expected.Outputs[i].Shape.Dims.ToArray(), actual.Outputs[i].Shape.Dims.ToArray());
            if (_onCpu.Outputs[i].DataType == DataType.Fp32) AssertClose(expected.Outputs[i].Bytes, actual.Outputs[i].Bytes, _onCpu.Outputs[i].Name);
            else Assert.Equal(expected.Outputs[i].Bytes.ToArray(), actual.Outputs[i].Bytes.ToArray());
        }
    }

    public ValueTask DisposeAsync() => _repository.DisposeAsync();

    private void AssertClose(ReadOnlySpan<byte> expected, ReadOnlySpan<byte> actual, string name)
    {
        ReadOnlySpan<float> wanted = MemoryMarshal.Cast<byte, float>(expected);
        ReadOnlySpan<float> got = MemoryMarshal.Cast<byte, float>(actual);
        float largest = 0;
        foreach (float value in wanted) largest = Math.Max(largest, Math.Abs(value));
        for (int i = 0; i < wanted.Length; i++)
        {
            float tolerance = _tolerance.Absolute + (_tolerance.Relative * Math.Abs(wanted[i])) + (_tolerance.OfLargest * largest);
            Assert.True(Math.Abs(wanted[i] - got[i]) <= tolerance, $"{name}[{i}]: CPU {wanted[i]}, device {got[i]}");
        }
    }

    private static (long[] Shape, byte[] Raw) Random(TensorSpec spec, int rows, int seed)
    {
        Random random = new(seed);
        long[] shape = [rows, .. spec.ClientDims.Dims];
        int count = (int)shape.Aggregate(1L, (product, dim) => product * dim);
        byte[] raw = spec.DataType switch
        {
            DataType.Bytes => [.. Enumerable.Range(0, count).SelectMany(i => SampleRepositoryTests.Raw($"{(i % 2 == 0 ? "where is the library" : "die Geschichte der Sprache")} {random.Next(100)}"))],
            DataType.Int64 => MemoryMarshal.AsBytes<long>([.. Enumerable.Range(0, count).Select(_ => (long)random.Next(80, 1500))]).ToArray(),
            _ => MemoryMarshal.AsBytes<float>([.. Enumerable.Range(0, count).Select(_ => random.NextSingle() * 16)]).ToArray(),
        };
        return (shape, raw);
    }

    private static void Copy(string from, string to, string config)
    {
        foreach (string file in Directory.EnumerateFiles(from, "*", SearchOption.AllDirectories))
        {
            string target = Path.Combine(to, Path.GetRelativePath(from, file));
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(file, target);
        }

        File.WriteAllText(Path.Combine(to, "config.pbtxt"), config);
    }

    /// <summary>The samples' groups stand alone, from their line to the one that closes them.</summary>
    private static string WithoutInstances(string config)
    {
        int start = config.IndexOf("instance_group [", StringComparison.Ordinal);
        int end = config.IndexOf("\n]", start, StringComparison.Ordinal);
        return config[..start] + config[(end + 2)..];
    }
}
