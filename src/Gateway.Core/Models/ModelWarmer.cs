using System.Buffers.Binary;
using Gateway.Core.Execution;
using Gateway.Core.Memory;
using Gateway.Core.Models.Configuration;
using Gateway.Core.Requests;
using Gateway.Core.Scheduling;
using Gateway.Protocol;
using Gateway.Protocol.Tensors;

namespace Gateway.Core.Models;

/// <summary>Runs a model before it is served: the warm-up that its configuration asks for, and a profile of its batch sizes.</summary>
internal static class ModelWarmer
{
    // A profile stops growing here: enough for the sizes that matter of a light model, and for two of a heavy one, from which the rest is guessed and learned.
    private static readonly TimeSpan ProfileBudget = TimeSpan.FromMilliseconds(50);
    private const int LeastSizes = 2;

    // The shortest of a few runs is what the hardware can do; the rest is noise of a machine that is still loading other models.
    private const int RunsASize = 4;

    // What a batch costs beside its run, in waking the instance and handing the answers back: an estimate, a third of what a lone request has beyond the bare
    // endpoint and the bare run (bench/results, added-p50). Without it a model with a flat curve would be run in batches of one.
    private static readonly TimeSpan HandOff = TimeSpan.FromMicroseconds(20);

    /// <summary>Runs every warm-up request on one instance.</summary>
    /// <exception cref="ModelLoadException">A warm-up cannot be made, or fails.</exception>
    public static void WarmUp(ServedModel model, string modelDirectory, IModelExecutor executor, BlockPool pool)
    {
        foreach (ModelWarmup warmup in model.Config.Warmups)
        {
            try
            {
                using InferenceRequest request = model.RentRequest();
                Fill(request, warmup, modelDirectory, pool);
                RequestValidation.Check(request);
                for (int i = 0; i < warmup.Count; i++)
                {
                    Batch batch = new();
                    batch.Add(request, 0, request.Rows);
                    batch.PaddedRows = model.Batcher.Policy.PadTo(batch.Rows);
                    executor.Execute(batch).Release();
                }
            }
            catch (Exception error) when (error is InferenceException or ExecutionException or IOException or UnauthorizedAccessException)
            {
                throw new ModelLoadException($"warm-up '{warmup.Name}' failed: {error.Message}", error);
            }
        }
    }

    /// <summary>Measures what batches of different sizes take on the CPU, where the model's shapes are fixed.</summary>
    public static void Profile(ModelLayout layout, IReadOnlyList<int> allowedSizes, IModelExecutor executor, LatencyModel latency, TimeProvider time)
    {
        long start = time.GetTimestamp();
        int measured = 0;
        foreach (int rows in allowedSizes.Count > 0 ? allowedSizes : latency.Sizes)
        {
            long best = long.MaxValue;
            for (int i = 0; i < RunsASize; i++)
            {
                if (!executor.TryMeasure(rows, out long ticks)) return;
                best = Math.Min(best, ticks);
                if (time.GetElapsedTime(start) > ProfileBudget) break;
            }

            latency.Profile(rows, best + (long)(HandOff.TotalSeconds * time.TimestampFrequency));
            if (++measured >= LeastSizes && time.GetElapsedTime(start) > ProfileBudget) break;
        }

        latency.EndProfile();
    }

    private static void Fill(InferenceRequest request, ModelWarmup warmup, string modelDirectory, BlockPool pool)
    {
        ModelLayout layout = request.Model.Layout;
        byte[][] data = [.. layout.Inputs.Select(spec => Data(spec, warmup, modelDirectory))];
        if (!pool.TryRent(data.Sum(each => (long)each.Length), BlockOwner.RequestTensors, out MemoryBlock? block)) throw new ModelLoadException("there is no memory left for the warm-up");
        request.Block = block;
        int offset = 0;
        for (int i = 0; i < data.Length; i++)
        {
            WarmupInput input = warmup.Inputs[layout.Inputs[i].Name];
            data[i].CopyTo(block.Span[offset..]);
            request.Inputs[i] = new InputTensor
            {
                DataType = input.DataType,
                Shape = new TensorShape(layout.IsBatching ? [warmup.BatchSize, .. input.Dims] : [.. input.Dims]),
                Offset = offset,
                ByteLength = data[i].Length,
            };
            offset += data[i].Length;
        }
    }

    private static byte[] Data(TensorSpec spec, ModelWarmup warmup, string modelDirectory)
    {
        if (!warmup.Inputs.TryGetValue(spec.Name, out WarmupInput? input)) throw new ModelLoadException($"warm-up '{warmup.Name}' has no data for input '{spec.Name}'");
        if (input.Source == WarmupSource.File)
        {
            byte[] row = File.ReadAllBytes(Path.Combine(modelDirectory, "warmup", input.DataFile));
            return [.. Enumerable.Repeat(row, warmup.BatchSize).SelectMany(each => each)];
        }

        new TensorShape([warmup.BatchSize, .. input.Dims]).TryCountElements(out long elements);
        if (input.DataType == DataType.Bytes) return new byte[elements * sizeof(uint)];
        byte[] bytes = new byte[elements * input.DataType.Size()];
        if (input.Source == WarmupSource.Random) FillRandomly(bytes, input.DataType, new Random(1));
        return bytes;
    }

    /// <summary>Random numbers that no model chokes on: floats between 0 and 1, integers 0 to 127.</summary>
    /// <param name="random">Of a fixed seed, so that a failure repeats.</param>
    internal static void FillRandomly(Span<byte> bytes, DataType type, Random random)
    {
        int size = type.Size();
        for (int i = 0; i < bytes.Length; i += size)
        {
            Span<byte> element = bytes.Slice(i, size);
            switch (type)
            {
                case DataType.Fp32: BinaryPrimitives.WriteSingleLittleEndian(element, random.NextSingle()); break;
                case DataType.Fp64: BinaryPrimitives.WriteDoubleLittleEndian(element, random.NextDouble()); break;
                case DataType.Fp16: BinaryPrimitives.WriteHalfLittleEndian(element, (Half)random.NextSingle()); break;
                case DataType.Bf16: BinaryPrimitives.WriteUInt16LittleEndian(element, (ushort)(BitConverter.SingleToUInt32Bits(random.NextSingle()) >> 16)); break;
                case DataType.Bool: element[0] = (byte)random.Next(2); break;
                default: element[0] = (byte)random.Next(128); break;
            }
        }
    }
}
