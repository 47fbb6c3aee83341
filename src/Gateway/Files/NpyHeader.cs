using System.Buffers.Binary;
using System.Globalization;
using System.Text;

namespace Gateway.Files;

/// <summary>What a NumPy array file (<c>.npy</c>, format 1 to 3) says of its array.</summary>
/// <param name="DataType">The Open Inference Protocol's name of its elements' type.</param>
/// <param name="ElementBytes">Bytes of an element in the file.</param>
/// <param name="IsUtf32">Whether its strings are in UTF-32 (NumPy's <c>U</c>) rather than bytes (<c>S</c>).</param>
/// <param name="Shape">Row-major; the first dimension counts the rows.</param>
internal sealed record NpyHeader(string DataType, int ElementBytes, bool IsUtf32, long[] Shape)
{
    /// <summary>NumPy's own headers are of some hundred bytes; theirs of structured types, which are refused, are the long ones.</summary>
    private const int MostHeaderBytes = 64 << 10;

    private const int MostDimensions = 32;

    // As many as a request may have by default.
    private const long MostRowBytes = 64 << 20;

    private static ReadOnlySpan<byte> Magic => [0x93, (byte)'N', (byte)'U', (byte)'M', (byte)'P', (byte)'Y'];

    public long Rows => Shape[0];

    public bool IsString => DataType == "BYTES";

    /// <summary>Elements of a row.</summary>
    public long RowElements
    {
        get
        {
            long elements = 1;
            for (int i = 1; i < Shape.Length; i++) elements *= Shape[i];
            return elements;
        }
    }

    /// <summary>Reads the header that a stream begins with, and leaves the stream where the elements begin.</summary>
    /// <exception cref="InvalidDataException">It is no such file, or of an array that cannot be sent; the message says why.</exception>
    public static NpyHeader Read(Stream stream)
    {
        Span<byte> start = stackalloc byte[8];
        if (stream.ReadAtLeast(start, start.Length, throwOnEndOfStream: false) < start.Length || !start[..6].SequenceEqual(Magic)) throw new InvalidDataException("this is not a NumPy array file");
        if (start[6] is < 1 or > 3) throw new InvalidDataException($"version {start[6]} of the format is not known (allowed 1 to 3)");
        Span<byte> size = stackalloc byte[start[6] == 1 ? 2 : 4];
        if (stream.ReadAtLeast(size, size.Length, throwOnEndOfStream: false) < size.Length) throw Cut();
        uint length = size.Length == 2 ? BinaryPrimitives.ReadUInt16LittleEndian(size) : BinaryPrimitives.ReadUInt32LittleEndian(size);
        if (length > MostHeaderBytes) throw new InvalidDataException($"its header has {length} bytes (allowed {MostHeaderBytes})");
        byte[] text = new byte[length];
        if (stream.ReadAtLeast(text, text.Length, throwOnEndOfStream: false) < text.Length) throw Cut();
        return Parse(Encoding.UTF8.GetString(text));
    }

    /// <summary>Parses the header's text: a Python dictionary of three entries, as NumPy writes it.</summary>
    /// <exception cref="InvalidDataException">As above.</exception>
    public static NpyHeader Parse(string text)
    {
        string? type = null;
        bool? isFortran = null;
        long[]? shape = null;
        PythonLiteral reader = new(text);
        reader.Expect('{');
        while (!reader.TryTake('}'))
        {
            string key = reader.ReadString();
            reader.Expect(':');
            if (key == "descr" && type is null) type = reader.ReadString();
            else if (key == "fortran_order" && isFortran is null) isFortran = reader.ReadBool();
            else if (key == "shape" && shape is null) shape = reader.ReadTuple(MostDimensions);
            else throw new InvalidDataException($"its header has an entry '{key}' that does not belong there");
            if (!reader.TryTake(','))
            {
                reader.Expect('}');
                break;
            }
        }

        if (type is null || isFortran is null || shape is null) throw new InvalidDataException("its header lacks 'descr', 'fortran_order' or 'shape'");
        if (shape.Length == 0) throw new InvalidDataException("it is a scalar: its first dimension has to count the rows");
        if (isFortran.Value && shape.Length > 1) throw new InvalidDataException("it is in Fortran's order; numpy.ascontiguousarray brings it in C's");
        NpyHeader header = Typed(type, shape);
        // Strings of no length are as long as others in a request.
        long rowBytes = Math.Max(sizeof(int), header.ElementBytes);
        foreach (long dimension in shape.AsSpan(1))
        {
            rowBytes = dimension == 0 ? 0 : rowBytes > MostRowBytes / dimension ? MostRowBytes + 1 : rowBytes * dimension;
            if (rowBytes > MostRowBytes) throw new InvalidDataException($"a row has more than {MostRowBytes} bytes");
        }

        return header;
    }

    private static NpyHeader Typed(string type, long[] shape)
    {
        string name = type switch
        {
            "|b1" => "BOOL",
            "|i1" => "INT8",
            "|u1" => "UINT8",
            "<i2" => "INT16",
            "<u2" => "UINT16",
            "<i4" => "INT32",
            "<u4" => "UINT32",
            "<i8" => "INT64",
            "<u8" => "UINT64",
            "<f2" => "FP16",
            "<f4" => "FP32",
            "<f8" => "FP64",
            _ => "",
        };
        if (name.Length > 0) return new NpyHeader(name, type[2] - '0', IsUtf32: false, shape);
        bool isUtf32 = type.StartsWith("<U", StringComparison.Ordinal);
        if ((isUtf32 || type.StartsWith("|S", StringComparison.Ordinal))
            && int.TryParse(type.AsSpan(2), NumberStyles.None, CultureInfo.InvariantCulture, out int characters) && characters <= MostRowBytes / 4)
        {
            return new NpyHeader("BYTES", isUtf32 ? 4 * characters : characters, isUtf32, shape);
        }

        throw new InvalidDataException($"its elements are of type '{type}' (allowed little-endian numbers, |b1, |S and <U)");
    }

    private static InvalidDataException Cut() => new("it ends within its header");
}
