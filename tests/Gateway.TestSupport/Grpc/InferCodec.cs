using System.Buffers.Binary;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using Gateway.Protocol.Protobuf;

namespace Gateway.TestSupport.Grpc;

/// <summary>Writes requests of the inference service, and reads what its answers have of them. By Triton's numbers of fields.</summary>
public static class InferCodec
{
    public const string InferPath = "/inference.GRPCInferenceService/ModelInfer";
    public const string StreamPath = "/inference.GRPCInferenceService/ModelStreamInfer";

    /// <summary>Before each message: whether it is compressed, and its length.</summary>
    public const int PrefixBytes = 5;

    private const int MostOtherBytes = 512;

    /// <summary>A request with its prefix: one row of floats for the input <c>x</c>.</summary>
    public static byte[] Request(string model, string id, ReadOnlySpan<float> row)
    {
        byte[] input = new byte[MostOtherBytes];
        ProtobufWriter writer = new(input);
        writer.WriteText(1, "x"u8);
        writer.WriteText(2, "FP32"u8);
        writer.WriteHeader(3, 1 + ProtobufWriter.VarintSize((ulong)row.Length));
        writer.WriteVarint(1);
        writer.WriteVarint((ulong)row.Length);
        input = input[..writer.Position];
        byte[] frame = new byte[MostOtherBytes + input.Length + (row.Length * sizeof(float))];
        writer = new ProtobufWriter(frame.AsSpan(PrefixBytes));
        writer.WriteText(1, Encoding.UTF8.GetBytes(model));
        writer.WriteText(3, Encoding.UTF8.GetBytes(id));
        writer.WriteText(5, input);
        writer.WriteText(7, MemoryMarshal.AsBytes(row));
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(1), writer.Position);
        return frame[..(PrefixBytes + writer.Position)];
    }

    /// <summary>Reads a <c>ModelStreamInferResponse</c>.</summary>
    /// <returns>The error, empty for none; the id; the first element of the first output, NaN for none.</returns>
    public static (string Error, string Id, float First) ReadStreamed(ReadOnlySpan<byte> message)
    {
        ProtobufReader reader = new(message);
        (string error, string id, float first) = ("", "", float.NaN);
        while (reader.ReadTag() is var tag and not 0)
        {
            ReadOnlySpan<byte> content = reader.ReadBytes();
            if (tag >> 3 == 1) error = Encoding.UTF8.GetString(content);
            else (id, first) = Read(content);
        }

        return (error, id, first);
    }

    /// <summary>Reads a <c>ModelInferResponse</c>.</summary>
    public static (string Id, float First) Read(ReadOnlySpan<byte> message)
    {
        ProtobufReader reader = new(message);
        (string id, float first) = ("", float.NaN);
        while (reader.ReadTag() is var tag and not 0)
        {
            ReadOnlySpan<byte> content = reader.ReadBytes();
            if (tag >> 3 == 3) id = Encoding.UTF8.GetString(content);
            else if (tag >> 3 == 6 && content.Length >= sizeof(float)) first = BinaryPrimitives.ReadSingleLittleEndian(content);
        }

        return (id, first);
    }

    /// <summary>A number as an id.</summary>
    public static string Id(int number) => number.ToString(CultureInfo.InvariantCulture);
}
