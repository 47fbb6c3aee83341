using System.Buffers.Binary;
using Gateway.Protocol;
using Gateway.Protocol.Protobuf;
using Gateway.Protocol.Tensors;
using Gateway.Server.OpenInference;

namespace Gateway.Server.Grpc.Inference;

/// <summary>Reads the typed elements of an input: first how many there are, later themselves, to where the model wants them.</summary>
/// <remarks>Elements may come packed or one by one, and in several messages, which are merged. <b>Cost</b>: no allocation.</remarks>
internal static class InferContents
{
    private const int MostFields = 8;
    private const int BoolField = 1;
    private const int Fp32Field = 6;
    private const int Fp64Field = 7;
    private const int BytesField = 8;

    // By the field's number.
    private static readonly DataType[] Types = [DataType.Invalid, DataType.Bool, DataType.Int32, DataType.Int64, DataType.UInt32, DataType.UInt64, DataType.Fp32, DataType.Fp64, DataType.Bytes];

    /// <summary>Elements of this type come in this field; 0 for a type that comes raw alone.</summary>
    public static int FieldOf(DataType type) => type switch
    {
        DataType.Bool => BoolField,
        DataType.Int8 or DataType.Int16 or DataType.Int32 => 2,
        DataType.Int64 => 3,
        DataType.UInt8 or DataType.UInt16 or DataType.UInt32 => 4,
        DataType.UInt64 => 5,
        DataType.Fp32 => Fp32Field,
        DataType.Fp64 => Fp64Field,
        DataType.Bytes => BytesField,
        _ => 0,
    };

    /// <summary>The type that a field is for, by the name that errors have for it.</summary>
    public static DataType TypeOf(int field) => Types[field];

    /// <summary>Checks a message of elements, and counts them.</summary>
    /// <param name="reader">Stands where its length does.</param>
    public static void Measure(ref ProtobufReader reader, ref InferInput input)
    {
        int outer = reader.Enter();
        while (reader.ReadTag() is var tag and not 0)
        {
            int field = FieldOf(tag, out bool isPacked);
            if (field == 0)
            {
                reader.Skip(tag);
                continue;
            }

            long before = input.ContentElements;
            if (field == BytesField)
            {
                input.ContentTextBytes += sizeof(uint) + reader.ReadBytes().Length;
                input.ContentElements++;
            }
            else if (!isPacked)
            {
                ReadOne(ref reader, field);
                input.ContentElements++;
            }
            else
            {
                int after = reader.EnterPacked();
                for (; !reader.IsAtEnd; input.ContentElements++) ReadOne(ref reader, field);
                reader.LeavePacked(after);
            }

            if (input.ContentElements > before) input.ContentFields |= 1 << field;
        }

        reader.Leave(outer);
    }

    /// <summary>Writes the elements of an input, in the raw form.</summary>
    /// <param name="body">The input's message, which has been read once.</param>
    /// <param name="to">As large as its elements are.</param>
    /// <exception cref="InferenceException">A number is out of its type's range.</exception>
    public static void Write(ReadOnlySpan<byte> body, DataType type, Span<byte> to, string name)
    {
        ProtobufReader reader = new(body);
        int wanted = FieldOf(type);
        while (reader.ReadTag() is var tag and not 0)
        {
            if (tag == InferTags.InputContents) WriteMessage(ref reader, wanted, type, ref to, name);
            else reader.Skip(tag);
        }
    }

    private static void WriteMessage(ref ProtobufReader reader, int wanted, DataType type, ref Span<byte> to, string name)
    {
        int outer = reader.Enter();
        while (reader.ReadTag() is var tag and not 0)
        {
            int field = FieldOf(tag, out bool isPacked);
            if (field != wanted && isPacked)
            {
                reader.SkipPacked();
            }
            else if (field != wanted)
            {
                reader.Skip(tag);
            }
            else if (field == BytesField)
            {
                ReadOnlySpan<byte> text = reader.ReadBytes();
                BinaryPrimitives.WriteUInt32LittleEndian(to, (uint)text.Length);
                text.CopyTo(to[sizeof(uint)..]);
                to = to[(sizeof(uint) + text.Length)..];
            }
            else if (!isPacked)
            {
                WriteOne(type, ReadOne(ref reader, field), ref to, name);
            }
            else
            {
                int after = reader.EnterPacked();
                while (!reader.IsAtEnd) WriteOne(type, ReadOne(ref reader, field), ref to, name);
                reader.LeavePacked(after);
            }
        }

        reader.Leave(outer);
    }

    /// <returns>The field's number; 0 for one that is not there, or not of this wire type.</returns>
    private static int FieldOf(uint tag, out bool isPacked)
    {
        uint field = tag >> 3;
        WireType type = (WireType)(tag & 7);
        isPacked = type == WireType.Bytes && field < BytesField;
        if (field > MostFields) return 0;
        if (type == WireType.Bytes) return (int)field;
        WireType single = field switch
        {
            BytesField => WireType.Bytes,
            Fp32Field => WireType.Fixed32,
            Fp64Field => WireType.Fixed64,
            _ => WireType.Varint,
        };
        return type == single ? (int)field : 0;
    }

    private static ulong ReadOne(ref ProtobufReader reader, int field) => field switch
    {
        Fp32Field => reader.ReadFixed32(),
        Fp64Field => reader.ReadFixed64(),
        BoolField => reader.ReadVarint64() != 0 ? 1UL : 0,
        2 or 4 => reader.ReadVarint32(),
        _ => reader.ReadVarint64(),
    };

    private static void WriteOne(DataType type, ulong value, ref Span<byte> to, string name)
    {
        int size = type.Size();
        switch (size)
        {
            case 1:
                if (type == DataType.Int8 ? (int)value != (sbyte)value : value > byte.MaxValue) throw OutOfRange(type, value, name);
                to[0] = (byte)value;
                break;
            case 2:
                if (type == DataType.Int16 ? (int)value != (short)value : value > ushort.MaxValue) throw OutOfRange(type, value, name);
                BinaryPrimitives.WriteUInt16LittleEndian(to, (ushort)value);
                break;
            case 4:
                BinaryPrimitives.WriteUInt32LittleEndian(to, (uint)value);
                break;
            default:
                BinaryPrimitives.WriteUInt64LittleEndian(to, value);
                break;
        }

        to = to[size..];
    }

    private static InferenceException OutOfRange(DataType type, ulong value, string name) =>
        Errors.Invalid($"{(type is DataType.Int8 or DataType.Int16 ? (int)value : (long)value)} is out of the range of {type.WireName()}, the type of input '{name}'");
}
