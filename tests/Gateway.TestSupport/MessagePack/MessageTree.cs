using System.Globalization;
using System.Text;
using Gateway.Protocol.MessagePack;

namespace Gateway.TestSupport.MessagePack;

/// <summary>Values as trees of objects, to compare what was written with what is read.</summary>
/// <remarks>
/// Null, <see cref="bool"/>, <see cref="Int128"/> (integers of any width), <see cref="float"/>, <see cref="double"/>, <see cref="string"/>,
/// byte arrays, <see cref="MessageExtension"/>, arrays of values, and lists of pairs (maps).
/// </remarks>
public static class MessageTree
{
    /// <summary>Size of the value as the writer's own functions tell it.</summary>
    public static int Size(object? value) => value switch
    {
        null => MessagePackWriter.NilSize,
        bool => MessagePackWriter.BooleanSize,
        Int128 integer => integer < 0 ? MessagePackWriter.IntegerSize((long)integer) : MessagePackWriter.IntegerSize((ulong)integer),
        float => MessagePackWriter.SingleSize,
        double => MessagePackWriter.DoubleSize,
        string text => MessagePackWriter.StringSize(text),
        byte[] bytes => MessagePackWriter.BinaryHeaderSize(bytes.Length) + bytes.Length,
        object?[] items => MessagePackWriter.ArrayHeaderSize(items.Length) + items.Sum(Size),
        List<KeyValuePair<object?, object?>> map => MessagePackWriter.MapHeaderSize(map.Count) + map.Sum(entry => Size(entry.Key) + Size(entry.Value)),
        _ => throw Unknown(value),
    };

    public static byte[] Write(object? value)
    {
        byte[] message = new byte[Size(value)];
        MessagePackWriter writer = new(message);
        Write(ref writer, value);
        if (writer.Position != message.Length) throw new InvalidOperationException("The size functions and the writer differ.");
        return message;
    }

    /// <summary>Reads a message of one value.</summary>
    public static object? Read(ReadOnlySpan<byte> message)
    {
        MessagePackReader reader = new(message);
        object? value = Read(ref reader);
        if (!reader.IsAtEnd) throw new InvalidOperationException($"The value ends at {reader.Position} of {message.Length}.");
        return value;
    }

    /// <summary>
    /// The value as JSON that keeps what JSON cannot: each value is an array of its type's letter and its content, with integers in decimal, floats as the bits
    /// of a double, bytes in hexadecimal.
    /// </summary>
    public static string Describe(object? value) => value switch
    {
        null => "[\"n\"]",
        bool boolean => $"[\"t\",{(boolean ? 1 : 0)}]",
        Int128 integer => string.Create(CultureInfo.InvariantCulture, $"[\"i\",\"{integer}\"]"),
        float single => Describe((double)single),
        double.NaN => "[\"f\",\"nan\"]",
        double number => $"[\"f\",\"{BitConverter.DoubleToUInt64Bits(number):x16}\"]",
        string text => $"[\"s\",\"{Convert.ToHexStringLower(Encoding.UTF8.GetBytes(text))}\"]",
        byte[] bytes => $"[\"b\",\"{Convert.ToHexStringLower(bytes)}\"]",
        MessageExtension extension => $"[\"e\",{extension.Type},\"{Convert.ToHexStringLower(extension.Data)}\"]",
        object?[] items => $"[\"a\",[{string.Join(',', items.Select(Describe))}]]",
        List<KeyValuePair<object?, object?>> map => $"[\"m\",[{string.Join(',', map.Select(entry => $"[{Describe(entry.Key)},{Describe(entry.Value)}]"))}]]",
        _ => throw Unknown(value),
    };

    private static void Write(ref MessagePackWriter writer, object? value)
    {
        switch (value)
        {
            case null: writer.WriteNil(); break;
            case bool boolean: writer.WriteBoolean(boolean); break;
            case Int128 integer when integer < 0: writer.WriteInteger((long)integer); break;
            case Int128 integer: writer.WriteInteger((ulong)integer); break;
            case float single: writer.WriteSingle(single); break;
            case double number: writer.WriteDouble(number); break;
            case string text: writer.WriteString(text); break;
            case byte[] bytes: writer.WriteBinary(bytes); break;
            case object?[] items:
                writer.WriteArrayHeader(items.Length);
                foreach (object? item in items) Write(ref writer, item);
                break;
            case List<KeyValuePair<object?, object?>> map:
                writer.WriteMapHeader(map.Count);
                foreach ((object? key, object? each) in map)
                {
                    Write(ref writer, key);
                    Write(ref writer, each);
                }

                break;
            default: throw Unknown(value);
        }
    }

    private static object? Read(ref MessagePackReader reader)
    {
        switch (reader.PeekType())
        {
            case MessagePackType.Nil when reader.TryReadNil(): return null;
            case MessagePackType.Boolean when reader.TryReadBoolean(out bool boolean): return boolean;
            case MessagePackType.Integer when reader.TryReadInt64(out long integer): return (Int128)integer;
            case MessagePackType.Integer when reader.TryReadUInt64(out ulong integer): return (Int128)integer;
            case MessagePackType.Float when reader.TryReadDouble(out double number): return number;
            case MessagePackType.String when reader.TryReadString(out ReadOnlySpan<byte> utf8): return Encoding.UTF8.GetString(utf8);
            case MessagePackType.Binary when reader.TryReadBinary(out ReadOnlySpan<byte> bytes): return bytes.ToArray();
            case MessagePackType.Extension when reader.TryReadExtension(out sbyte type, out ReadOnlySpan<byte> data):
                return new MessageExtension(type, data.ToArray());
            case MessagePackType.Array when reader.TryReadArrayHeader(out int count):
                object?[] items = new object?[count];
                for (int i = 0; i < count; i++) items[i] = Read(ref reader);
                return items;
            case MessagePackType.Map when reader.TryReadMapHeader(out int count):
                List<KeyValuePair<object?, object?>> map = new(count);
                for (int i = 0; i < count; i++) map.Add(KeyValuePair.Create(Read(ref reader), Read(ref reader)));
                return map;
            default: throw new InvalidOperationException($"{reader.PeekType()} at {reader.Position} cannot be read: {reader.Failure}.");
        }
    }

    private static ArgumentException Unknown(object? value) => new($"No message holds a {value?.GetType()}.");
}
