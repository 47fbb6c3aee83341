using System.Buffers.Binary;
using System.Text;
using Gateway.Harness.Models;
using Gateway.Protocol.Protobuf;

namespace Gateway.Harness.Load;

/// <summary>What a gRPC client sends for one row of a model: a <c>ModelInferRequest</c> with its prefix, once or several times.</summary>
internal static class GrpcBody
{
    /// <summary>Before each message: whether it is compressed, and its length.</summary>
    public const int PrefixBytes = 5;

    // The names, the shape and all headers together.
    private const int MostOtherBytes = 256;

    /// <param name="messages">How many requests, one after the other.</param>
    public static byte[] For(BenchModel model, int messages)
    {
        byte[] input = new byte[MostOtherBytes];
        ProtobufWriter writer = new(input);
        writer.WriteText(1, Encoding.UTF8.GetBytes(BenchModel.InputName));
        writer.WriteText(2, "FP32"u8);
        int[] shape = [1, .. model.InputDims];
        writer.WriteHeader(3, shape.Sum(dimension => ProtobufWriter.VarintSize((ulong)dimension)));
        foreach (int dimension in shape) writer.WriteVarint((ulong)dimension);
        input = input[..writer.Position];

        byte[] frame = new byte[MostOtherBytes + input.Length + (model.InputElements * sizeof(float))];
        writer = new ProtobufWriter(frame.AsSpan(PrefixBytes));
        writer.WriteText(1, Encoding.UTF8.GetBytes(model.Name));
        writer.WriteText(5, input);
        writer.WriteText(7, model.RandomRows(1));
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(1), writer.Position);
        frame = frame[..(PrefixBytes + writer.Position)];
        return [.. Enumerable.Repeat(frame, messages).SelectMany(each => each)];
    }
}
