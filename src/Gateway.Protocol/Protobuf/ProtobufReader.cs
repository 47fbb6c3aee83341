using System.Buffers.Binary;
using System.Text.Unicode;

namespace Gateway.Protocol.Protobuf;

/// <summary>Reads a protobuf message that lies in one piece, field by field, without copying.</summary>
/// <remarks>
/// <b>Behaviour</b>: takes and refuses what Google's own reader does, which is the reference where the specification leaves things open, but for strings that are not UTF-8, which that one repairs: tags and 32-bit numbers may be
/// written in up to ten bytes, of which the upper ones do not count; unknown fields are passed over, groups among them; messages and groups nest at most
/// <see cref="MostLevels"/> deep. What contains a message limits it (<see cref="Enter"/>). <b>Threading</b>: one thread. <b>Cost</b>: no allocation.
/// </remarks>
public ref struct ProtobufReader
{
    /// <summary>How deep messages and groups may nest.</summary>
    public const int MostLevels = 100;

    private readonly ReadOnlySpan<byte> _bytes;
    private int _end;
    private int _level;

    /// <param name="message">All of the message.</param>
    public ProtobufReader(ReadOnlySpan<byte> message)
    {
        _bytes = message;
        _end = message.Length;
    }

    /// <summary>Where it reads next, counted from the beginning of the outermost message.</summary>
    public int Position { readonly get; private set; }

    /// <summary>Whether the innermost message that was entered ends here.</summary>
    public readonly bool IsAtEnd => Position == _end;

    /// <summary>Reads the tag of the next field; 0 at the end of the message.</summary>
    /// <returns>The field's number, and its wire type in the lowest three bits.</returns>
    /// <exception cref="ProtobufException">It is none.</exception>
    public uint ReadTag()
    {
        if (Position == _end) return 0;
        uint tag = _bytes[Position];
        if (tag < 0x80) Position++;
        else tag = ReadVarint32();
        if (tag >> 3 == 0) throw Malformed("a tag of field 0");
        return tag;
    }

    /// <summary>Reads a number of at most 64 bits.</summary>
    public ulong ReadVarint64()
    {
        ulong value = 0;
        for (int shift = 0; shift < 64; shift += 7)
        {
            byte next = ReadByte();
            value |= (ulong)(next & 0x7F) << shift;
            if (next < 0x80) return value;
        }

        throw Malformed("a number of more than ten bytes");
    }

    /// <summary>Reads a number, of which the lowest 32 bits count.</summary>
    public uint ReadVarint32()
    {
        if (Position < _end && _bytes[Position] < 0x80) return _bytes[Position++];
        return (uint)ReadVarint64();
    }

    public uint ReadFixed32()
    {
        Need(sizeof(uint));
        uint value = BinaryPrimitives.ReadUInt32LittleEndian(_bytes[Position..]);
        Position += sizeof(uint);
        return value;
    }

    public ulong ReadFixed64()
    {
        Need(sizeof(ulong));
        ulong value = BinaryPrimitives.ReadUInt64LittleEndian(_bytes[Position..]);
        Position += sizeof(ulong);
        return value;
    }

    /// <summary>Reads a length and that many bytes, which stay where they are.</summary>
    public ReadOnlySpan<byte> ReadBytes()
    {
        int length = (int)ReadVarint32();
        if (length < 0) throw Malformed("a length below 0");
        Need(length);
        ReadOnlySpan<byte> bytes = _bytes.Slice(Position, length);
        Position += length;
        return bytes;
    }

    /// <summary>Likewise, for a string, which must be UTF-8.</summary>
    public ReadOnlySpan<byte> ReadString()
    {
        ReadOnlySpan<byte> text = ReadBytes();
        if (!Utf8.IsValid(text)) throw Malformed("a string that is not UTF-8");
        return text;
    }

    /// <summary>Reads the length of a message within this one, and makes it the one that is read until <see cref="Leave"/>.</summary>
    /// <returns>What <see cref="Leave"/> is to be given.</returns>
    public int Enter()
    {
        int length = (int)ReadVarint32();
        if (length < 0) throw Malformed("a length below 0");
        Need(length);
        if (_level >= MostLevels) throw TooDeep();
        _level++;
        int outer = _end;
        _end = Position + length;
        return outer;
    }

    /// <summary>Goes on with the outer message; the inner one must have been read to its end.</summary>
    public void Leave(int outer)
    {
        _level--;
        _end = outer;
    }

    /// <summary>Reads the length of packed numbers; likewise, but that they nest nothing, and that none are there where the length is below 0.</summary>
    public int EnterPacked()
    {
        int length = (int)ReadVarint32();
        int outer = _end;
        if (length <= 0)
        {
            _end = Position;
            return outer;
        }

        Need(length);
        _end = Position + length;
        return outer;
    }

    /// <summary>Goes on after packed numbers.</summary>
    public void LeavePacked(int outer) => _end = outer;

    /// <summary>Passes over packed numbers.</summary>
    public void SkipPacked()
    {
        int outer = EnterPacked();
        Position = _end;
        LeavePacked(outer);
    }

    /// <summary>Passes over the value of a field that is of no interest.</summary>
    /// <param name="tag">Its tag, which has been read.</param>
    /// <param name="isOfEntry">Whether it is in an entry of a map, where Google's reader lets groups nest one level less, and takes no notice of wire types that are none.</param>
    public void Skip(uint tag, bool isOfEntry = false)
    {
        switch ((WireType)(tag & 7))
        {
            case WireType.Varint:
                ReadVarint64();
                break;
            case WireType.Fixed64:
                Pass(sizeof(ulong));
                break;
            case WireType.Bytes:
                ReadBytes();
                break;
            case WireType.StartGroup:
                SkipGroup(tag >> 3, isOfEntry);
                break;
            case WireType.Fixed32:
                Pass(sizeof(uint));
                break;
            case WireType.EndGroup:
                throw Malformed("the end of a group that has not begun");
            default:
                if (!isOfEntry) throw Malformed("a field of no wire type");
                break;
        }
    }

    public readonly ProtobufException Malformed(string what) => new(what, Position);

    private void SkipGroup(uint field, bool isOfEntry)
    {
        if (_level >= (isOfEntry ? MostLevels - 1 : MostLevels)) throw TooDeep();
        _level++;
        while (true)
        {
            uint tag = ReadTag();
            if (tag == 0) throw Malformed("a group without end");
            if ((WireType)(tag & 7) == WireType.EndGroup)
            {
                if (tag >> 3 != field) throw Malformed("the end of another group");
                _level--;
                return;
            }

            Skip(tag, isOfEntry);
        }
    }

    private byte ReadByte()
    {
        if (Position == _end) throw Malformed("the end of the bytes within a number");
        return _bytes[Position++];
    }

    /// <summary>Passes over so many bytes.</summary>
    public void Pass(int bytes)
    {
        Need(bytes);
        Position += bytes;
    }

    private readonly void Need(int bytes)
    {
        if (bytes > _end - Position) throw Malformed($"{_end - Position} bytes where {bytes} are announced");
    }

    private readonly ProtobufException TooDeep() => Malformed($"nesting of more than {MostLevels} levels");
}
