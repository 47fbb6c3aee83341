using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Gateway.UnitTests.Grpc;

/// <summary>An HTTP/2 client that sends the same calls again and again from ready-made frames, blocking, without allocating.</summary>
internal sealed class RawHttp2 : IDisposable
{
    private const int FrameHeaderBytes = 9;
    private const byte Data = 0;
    private const byte Headers = 1;
    private const byte EndStream = 1;

    private readonly Socket _socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
    private readonly byte[] _buffer = new byte[1 << 20];
    private readonly byte[] _call;
    private readonly int _dataAt;
    private int _received;
    private int _taken;
    private int _nextStream = 1;
    private int _streamed;
    private long _answerBytes;

    /// <param name="path">What is called.</param>
    /// <param name="body">Each call's body.</param>
    public RawHttp2(int port, string path, byte[] body)
    {
        _socket.Connect(IPAddress.Loopback, port);
        List<byte> start = [.. "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8];

        // SETTINGS with the largest window for streams, and as much for the connection.
        start.AddRange([0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 4, 0x7F, 0xFF, 0xFF, 0xFF]);
        start.AddRange([0, 0, 4, 8, 0, 0, 0, 0, 0, 0x7F, 0xFE, 0xFF, 0xFF]);
        _socket.Send(start.ToArray());
        List<byte> headers = [0x83, 0x86, .. Literal(":path", path), .. Literal(":authority", "h"), .. Literal("content-type", "application/grpc"), .. Literal("te", "trailers")];
        _call = [.. Frame(Headers, 4, headers), .. Frame(Data, EndStream, body)];
        _dataAt = FrameHeaderBytes + headers.Count;
    }

    /// <summary>Makes so many calls at once and waits until all are answered.</summary>
    public void Exchange(int calls)
    {
        for (int i = 0; i < calls; i++)
        {
            BinaryPrimitives.WriteInt32BigEndian(_call.AsSpan(5), _nextStream);
            BinaryPrimitives.WriteInt32BigEndian(_call.AsSpan(_dataAt + 5), _nextStream);
            _nextStream += 2;
            _socket.Send(_call);
        }

        while (calls > 0)
        {
            Receive();
            while (TryTake(out byte type, out bool endsStream, out _))
            {
                Assert.True(type is not (3 or 7), "a stream was reset, or the connection given up");
                if (endsStream) calls--;
            }
        }
    }

    /// <summary>Sends so many messages on one call, which stays open, and waits until all are answered, each with as many bytes as the first.</summary>
    public void ExchangeOnAStream(int messages)
    {
        if (_streamed == 0)
        {
            _streamed = _nextStream;
            _nextStream += 2;
            BinaryPrimitives.WriteInt32BigEndian(_call.AsSpan(5), _streamed);
            BinaryPrimitives.WriteInt32BigEndian(_call.AsSpan(_dataAt + 5), _streamed);
            _call[_dataAt + 4] = 0;
            _socket.Send(_call.AsSpan(0, _dataAt));
        }

        for (int i = 0; i < messages; i++) _socket.Send(_call.AsSpan(_dataAt));
        for (long left = _answerBytes == 0 ? long.MaxValue : messages * _answerBytes; left > 0;)
        {
            Receive();
            while (TryTake(out byte type, out bool endsStream, out ReadOnlySpan<byte> payload))
            {
                Assert.True(type is not (3 or 7) && !endsStream, "the stream was ended");
                if (type == Data && _answerBytes == 0)
                {
                    _answerBytes = 5 + BinaryPrimitives.ReadInt32BigEndian(payload[1..]);
                    left = messages * _answerBytes;
                }

                if (type == Data) left -= payload.Length;
            }
        }
    }

    /// <summary>Waits for more, behind what is not taken yet.</summary>
    private void Receive()
    {
        _buffer.AsSpan(_taken, _received - _taken).CopyTo(_buffer);
        _received -= _taken;
        _taken = 0;
        int count = _socket.Receive(_buffer, _received, _buffer.Length - _received, SocketFlags.None);
        Assert.True(count > 0, "the server closed the connection");
        _received += count;
    }

    /// <summary>Takes a frame, if one is there as a whole.</summary>
    private bool TryTake(out byte type, out bool endsStream, out ReadOnlySpan<byte> payload)
    {
        type = 0;
        endsStream = false;
        payload = default;
        ReadOnlySpan<byte> there = _buffer.AsSpan(_taken, _received - _taken);
        if (there.Length < FrameHeaderBytes) return false;
        int length = (there[0] << 16) | (there[1] << 8) | there[2];
        if (there.Length < FrameHeaderBytes + length) return false;
        type = there[3];
        endsStream = type is Data or Headers && (there[4] & EndStream) != 0;
        payload = there.Slice(FrameHeaderBytes, length);
        _taken += FrameHeaderBytes + length;
        return true;
    }

    public void Dispose() => _socket.Dispose();

    private static byte[] Frame(byte type, byte flags, IReadOnlyCollection<byte> payload) =>
        [(byte)(payload.Count >> 16), (byte)(payload.Count >> 8), (byte)payload.Count, type, flags, 0, 0, 0, 0, .. payload];

    /// <summary>A header that is not put into the table.</summary>
    private static byte[] Literal(string name, string value) => [0, (byte)name.Length, .. Encoding.ASCII.GetBytes(name), (byte)value.Length, .. Encoding.ASCII.GetBytes(value)];
}
