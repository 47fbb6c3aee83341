using System.Buffers;
using System.Buffers.Binary;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;
using Gateway.Core.Models;
using Gateway.Core.Requests;
using Gateway.Protocol.Tensors;

namespace Gateway.Server.OpenInference;

/// <summary>Reads a raw request, whose whole body is the model's one input and whose shape follows from its size.</summary>
internal static class RawInput
{
    // A page: what a body of unknown length is likely to fit in.
    private const int FirstBlockBytes = 4096;

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    public static async ValueTask ReadAsync(InferExchange exchange)
    {
        TensorSpec spec = CheckModel(exchange.Request!.Model);
        int prefix = spec.DataType == DataType.Bytes ? sizeof(uint) : 0;
        exchange.MakeRoom(FirstBlockBytes, FirstBlockBytes);
        exchange.TensorBytes = prefix;
        bool isComplete = false;
        while (!isComplete) isComplete = Take(exchange, await exchange.Body.ReadAsync().ConfigureAwait(false));
        Describe(exchange, spec);
        InferRequestReader.PlanOutputs(exchange, isBinaryByDefault: true);
    }

    private static TensorSpec CheckModel(ServedModel model)
    {
        if (model.Inputs.Count != 1)
        {
            throw Errors.Invalid(
                $"Raw request must only have 1 input (found 1) to be deduced but got {model.Inputs.Count} inputs in '{model.Name}' model configuration");
        }

        TensorSpec spec = model.Inputs[0];
        if (spec.DataType == DataType.Bytes)
        {
            if (!spec.ClientDims.Dims.SequenceEqual([1])) throw Errors.Invalid($"For BYTE datatype raw input '{spec.Name}', the model must have input shape [1]");
        }
        else if (spec.ClientDims.Dims.Count(-1) > 1)
        {
            throw Errors.Invalid($"The shape of the raw input '{spec.Name}' can not be deduced because there are more than one variable-sized dimension");
        }

        return spec;
    }

    private static bool Take(InferExchange exchange, ReadResult result)
    {
        ReadOnlySequence<byte> buffer = result.Buffer;
        try
        {
            exchange.BodyRead += buffer.Length;
            if (exchange.BodyRead > exchange.Limit)
            {
                throw exchange.IsDecompressed ? Errors.DecompressedTooLarge(exchange.Limit) : Errors.RawTooLarge(exchange.BodyRead, exchange.Limit);
            }

            int offset = exchange.TensorBytes;
            int end = offset + (int)buffer.Length;
            exchange.MakeRoom(end, Math.Max(end, exchange.BodyLength >= 0 ? exchange.BodyLength + sizeof(uint) : 2L * end));
            buffer.CopyTo(exchange.Request!.Block!.Span[offset..]);
            exchange.Request.CopiedBytes += buffer.Length;
            exchange.TensorBytes = end;
            return result.IsCompleted;
        }
        finally
        {
            exchange.Body.AdvanceTo(buffer.End);
        }
    }

    /// <summary>Works the shape out: one row, and of the one dimension of any size as much as the bytes make up.</summary>
    private static void Describe(InferExchange exchange, TensorSpec spec)
    {
        InferenceRequest request = exchange.Request!;
        if (spec.DataType == DataType.Bytes)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(request.Block!.Span, (uint)(exchange.TensorBytes - sizeof(uint)));
        }

        long known = Math.Max(1, spec.DataType.Size());
        foreach (long dimension in spec.ClientDims.Dims) known *= Math.Max(1, dimension);
        TensorShape shape = default;
        if (request.Model.Layout.IsBatching) shape.TryAdd(1);

        // A remainder stays for the engine, which compares the bytes with the shape. A rank that does not fit is its affair, too.
        foreach (long dimension in spec.ClientDims.Dims) shape.TryAdd(dimension < 0 ? exchange.TensorBytes / known : dimension);
        request.Inputs[0] = new InputTensor { DataType = spec.DataType, Shape = shape, Offset = 0, ByteLength = exchange.TensorBytes };
    }
}
