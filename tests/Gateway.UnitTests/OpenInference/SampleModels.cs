using System.Runtime.InteropServices;
using Gateway.Core.Models;
using Gateway.Core.Models.Configuration;
using Gateway.Protocol.Tensors;

namespace Gateway.UnitTests.OpenInference;

/// <summary>The models that the tests of this folder call.</summary>
internal static class SampleModels
{
    /// <summary>Types that every echo model exists for: <c>echo_FP32</c> and so on, a batching model that gives four elements a row back.</summary>
    public static readonly DataType[] FixedTypes = [.. Enum.GetValues<DataType>().Where(type => type is not (DataType.Invalid or DataType.Bytes))];

    public static ModelConfig Config(string name, int maxBatchSize) => new() { Name = name, MaxBatchSize = maxBatchSize, Platform = "onnxruntime_onnx" };

    public static TensorSpec Spec(string name, DataType type, long[] dims, params string[] labels) => new(name, type, dims, dims, labels);

    public static void AddTo(InferenceServer server)
    {
        foreach (DataType type in FixedTypes)
        {
            server.Add($"echo_{type.WireName()}", 8, [Spec("x", type, [4])], [Spec("y", type, [4])], Copy);
        }

        server.Add("rank", 8, [Spec("x", DataType.Fp32, [3])], [Spec("y", DataType.Fp32, [3], "cat", "dog")], Copy);
        server.Add("vector", 0, [Spec("x", DataType.Fp32, [4])], [Spec("y", DataType.Fp32, [4])], Copy);
        server.Add(
            "two",
            8,
            [Spec("a", DataType.Fp32, [2]), Spec("b", DataType.Int32, [2])],
            [Spec("first", DataType.Fp32, [2]), Spec("second", DataType.Int32, [2])],
            Copy);
        server.Add("strings", 1, 8, [Spec("s", DataType.Bytes, [2])], [Spec("t", DataType.Bytes, [2])], (layout, pool) => new EchoExecutor(layout, pool));
        server.Add("text", 1, 8, [Spec("s", DataType.Bytes, [1])], [Spec("t", DataType.Bytes, [1])], (layout, pool) => new EchoExecutor(layout, pool));
        server.Add("any", 1, 8, [Spec("x", DataType.Fp32, [-1])], [Spec("y", DataType.Fp32, [-1])], (layout, pool) => new EchoExecutor(layout, pool));
        server.Add("grid", 1, 8, [Spec("x", DataType.Fp32, [-1, -1])], [Spec("y", DataType.Fp32, [-1, -1])], (layout, pool) => new EchoExecutor(layout, pool));
        server.Add("fails", 8, [Spec("x", DataType.Fp32, [1])], [Spec("y", DataType.Fp32, [1])], (_, _, _) => throw new InvalidOperationException("the model says no"));
        server.Add("spaced name", 8, [Spec("x", DataType.Fp32, [1])], [Spec("y", DataType.Fp32, [1])], Copy);
    }

    public static byte[] Bytes<T>(params T[] elements)
        where T : unmanaged => MemoryMarshal.AsBytes(elements.AsSpan()).ToArray();

    public static void Copy(Core.Execution.Batch batch, byte[][] inputs, byte[][] outputs)
    {
        for (int i = 0; i < inputs.Length; i++) inputs[i].CopyTo(outputs[i], 0);
    }
}
