using System.Buffers.Binary;
using Gateway.Protocol.Protobuf;
using Gateway.Protocol.Tensors;

namespace Gateway.Load.Carriers.Grpc;

/// <summary>Tensors as repeated fields of numbers, which some servers answer with, as the bytes that raw contents have.</summary>
internal static class TypedContents
{
    private const int Floats = 6;
    private const int Doubles = 7;
    private const int Strings = 8;

    /// <param name="message">An <c>InferTensorContents</c>.</param>
    /// <param name="type">What the tensor says it is of.</param>
    /// <exception cref="ProtobufException">It is none.</exception>
    public static byte[] Read(ReadOnlySpan<byte> message, DataType type)
    {
        using MemoryStream data = new();
        int size = type.Size();
        ProtobufReader reader = new(message);
        while (reader.ReadTag() is var tag and not 0)
        {
            int field = (int)(tag >> 3);
            if (field is < 1 or > Strings)
            {
                reader.Skip(tag);
            }
            else if (field == Strings)
            {
                ReadOnlySpan<byte> text = reader.ReadBytes();
                Write(data, (ulong)text.Length, sizeof(uint));
                data.Write(text);
            }
            else if ((WireType)(tag & 7) == WireType.Bytes)
            {
                ProtobufReader packed = new(reader.ReadBytes());
                while (!packed.IsAtEnd) Write(data, Number(ref packed, field), size);
            }
            else
            {
                Write(data, Number(ref reader, field), size);
            }
        }

        return data.ToArray();
    }

    private static ulong Number(ref ProtobufReader reader, int field) => field switch
    {
        Floats => reader.ReadFixed32(),
        Doubles => reader.ReadFixed64(),
        _ => reader.ReadVarint64(),
    };

    private static void Write(MemoryStream data, ulong value, int bytes)
    {
        Span<byte> number = stackalloc byte[sizeof(ulong)];
        BinaryPrimitives.WriteUInt64LittleEndian(number, value);
        data.Write(number[..bytes]);
    }
}
