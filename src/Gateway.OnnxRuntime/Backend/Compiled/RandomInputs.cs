using System.Buffers.Binary;
using Gateway.Core.Execution;
using Gateway.Core.Models;
using Gateway.OnnxRuntime.Values;
using Gateway.Protocol.Tensors;

namespace Gateway.OnnxRuntime.Backend.Compiled;

/// <summary>Inputs made up for a model: those of its warm-up's kind, words for strings.</summary>
internal static class RandomInputs
{
    // Of a dimension that each run decides and that is not the batch.
    private const int FreeSize = 8;
    private const int MostLetters = 12;

    /// <param name="rows">The size of the first dimension, where each run decides, and of those that have its name.</param>
    public static IReadOnlyList<TrialTensor> Of(IReadOnlyList<OrtValueInfo> inputs, int rows, int seed)
    {
        Random random = new(seed);
        string? batch = inputs.Select(input => input.Dimensions).FirstOrDefault(dimensions => dimensions is [{ IsDynamic: true }, ..])?[0].Name;
        return [.. inputs.Select(input => Of(input, rows, batch, random))];
    }

    private static TrialTensor Of(OrtValueInfo input, int rows, string? batch, Random random)
    {
        if (input.WhyUnsupported is not null || input.Dimensions is null) throw new ModelLoadException($"nothing can be made up for '{input.Name}'");
        long[] shape = [.. input.Dimensions.Select((dimension, at) => !dimension.IsDynamic ? dimension.Size : at == 0 || (batch is not null && dimension.Name == batch) ? rows : FreeSize)];
        long elements = shape.Aggregate(1L, (product, size) => checked(product * size));
        if (input.ElementType == DataType.Bytes) return new TrialTensor(input.Name, input.ElementType, shape, Words(elements, random));
        byte[] raw = new byte[checked(elements * input.ElementType.Size())];
        ModelWarmer.FillRandomly(raw, input.ElementType, random);
        return new TrialTensor(input.Name, input.ElementType, shape, raw);
    }

    private static byte[] Words(long count, Random random)
    {
        using MemoryStream raw = new();
        Span<byte> length = stackalloc byte[sizeof(int)];
        for (long i = 0; i < count; i++)
        {
            byte[] word = [.. Enumerable.Range(0, random.Next(1, MostLetters)).Select(_ => (byte)random.Next('a', 'z' + 1))];
            BinaryPrimitives.WriteInt32LittleEndian(length, word.Length);
            raw.Write(length);
            raw.Write(word);
        }

        return raw.ToArray();
    }
}
