using Gateway.Protocol.Http2;

namespace Gateway.Server.Grpc.Http2;

/// <summary>Header fields on their way out, encoded; used again for the next call.</summary>
internal sealed class FieldBlock
{
    private static readonly byte[] UsualHead = [0x88, 0x0F, 0x10, 16, .. "application/grpc"u8];
    private static readonly byte[] UsualTail = [0x00, 11, .. "grpc-status"u8, 1, (byte)'0'];

    private byte[] _bytes = new byte[256];

    /// <summary>The head of an answer with messages: status 200 by its number in the static table, and content-type by its name's.</summary>
    public static ReadOnlySpan<byte> Head => UsualHead;

    /// <summary>The end of a call that went well: <c>grpc-status: 0</c>.</summary>
    public static ReadOnlySpan<byte> Tail => UsualTail;

    public int Length { get; private set; }

    public ReadOnlySpan<byte> Written => _bytes.AsSpan(0, Length);

    public void Clear() => Length = 0;

    public void Append(ReadOnlySpan<byte> encoded) => encoded.CopyTo(Grow(encoded.Length)[..Advance(encoded.Length)]);

    /// <summary>HTTP's status, which comes first.</summary>
    /// <param name="status">100 to 999.</param>
    public void AddStatus(int status)
    {
        if (status == 200) Append([0x88]);
        else Append([0x08, 3, (byte)('0' + (status / 100)), (byte)('0' + (status / 10 % 10)), (byte)('0' + (status % 10))]);
    }

    public void Add(ReadOnlySpan<char> name, ReadOnlySpan<char> value) => Advance(HpackWriter.Write(Grow(HpackWriter.MostBytes(name.Length, value.Length)), name, value));

    private Span<byte> Grow(int bytes)
    {
        if (_bytes.Length - Length < bytes) Array.Resize(ref _bytes, Math.Max(2 * _bytes.Length, Length + bytes));
        return _bytes.AsSpan(Length);
    }

    private int Advance(int bytes)
    {
        Length += bytes;
        return bytes;
    }
}
