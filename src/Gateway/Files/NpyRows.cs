using System.Buffers.Binary;
using System.Text;

namespace Gateway.Files;

/// <summary>An array's rows, one after the other, as the protocol's raw tensors have them.</summary>
/// <remarks><b>Ownership</b>: owns the stream.</remarks>
internal sealed class NpyRows : IDisposable
{
    private readonly Stream _stream;
    private readonly byte[] _row;

    /// <param name="stream">Begins with the header.</param>
    /// <exception cref="InvalidDataException">See <see cref="NpyHeader.Read"/>.</exception>
    public NpyRows(string input, Stream stream)
    {
        Input = input;
        _stream = stream;
        Header = NpyHeader.Read(stream);
        _row = new byte[Header.RowElements * Header.ElementBytes];
    }

    /// <summary>The model's input that it is for; empty for the only one.</summary>
    public string Input { get; }

    public NpyHeader Header { get; }

    /// <exception cref="InvalidDataException">The file ends before its last row.</exception>
    public byte[] Next()
    {
        if (_stream.ReadAtLeast(_row, _row.Length, throwOnEndOfStream: false) < _row.Length) throw new InvalidDataException("it ends before its last row");
        return Header.IsString ? Strings() : (byte[])_row.Clone();
    }

    public void Dispose() => _stream.Dispose();

    private byte[] Strings()
    {
        using MemoryStream raw = new();
        Span<byte> length = stackalloc byte[sizeof(int)];
        for (int at = 0; at < Header.RowElements; at++)
        {
            // NumPy fills strings up with zeros, and takes none at the end for a part of them.
            ReadOnlySpan<byte> element = _row.AsSpan(at * Header.ElementBytes, Header.ElementBytes);
            byte[] text = Header.IsUtf32 ? Encoding.UTF8.GetBytes(Encoding.UTF32.GetString(element).TrimEnd('\0')) : element.TrimEnd((byte)0).ToArray();
            BinaryPrimitives.WriteInt32LittleEndian(length, text.Length);
            raw.Write(length);
            raw.Write(text);
        }

        return raw.ToArray();
    }
}
