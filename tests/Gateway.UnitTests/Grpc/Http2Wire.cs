using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Gateway.UnitTests.Grpc;

/// <summary>One HTTP/2 connection, spoken by hand, frame by frame.</summary>
internal sealed class Http2Wire : IDisposable
{
    public const byte Data = 0;
    public const byte Headers = 1;
    public const byte Priority = 2;
    public const byte ResetStream = 3;
    public const byte Settings = 4;
    public const byte PushPromise = 5;
    public const byte Ping = 6;
    public const byte GoAway = 7;
    public const byte WindowUpdate = 8;
    public const byte Continuation = 9;
    public const byte EndStream = 1;
    public const byte EndHeaders = 4;
    public const byte Padded = 8;

    private readonly Socket _socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };

    private Http2Wire()
    {
    }

    /// <summary>What the server sent.</summary>
    public sealed record Frame(byte Type, byte Flags, int Stream, byte[] Payload)
    {
        public bool EndsStream => Type is Data or Headers && (Flags & Http2Wire.EndStream) != 0;
    }

    /// <summary>Connects, and says nothing yet.</summary>
    public static async Task<Http2Wire> ConnectAsync(int port)
    {
        Http2Wire wire = new();
        await wire._socket.ConnectAsync(IPAddress.Loopback, port, TestContext.Current.CancellationToken);
        return wire;
    }

    /// <summary>Connects, with the preface and a connection's window as large as can be.</summary>
    /// <param name="streamWindow">What the server may send on each stream.</param>
    /// <param name="hasWindow">False for a connection's window as it is without another word: 65,535 bytes.</param>
    public static async Task<Http2Wire> OpenAsync(int port, int streamWindow = int.MaxValue, bool hasWindow = true)
    {
        Http2Wire wire = await ConnectAsync(port);
        await wire.PrefaceAsync(streamWindow, hasWindow);
        return wire;
    }

    public Task PrefaceAsync(int streamWindow = int.MaxValue, bool hasWindow = true)
    {
        byte[] preface =
        [
            .. "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8,
            .. Bytes(Settings, 0, 0, [0, 4, (byte)(streamWindow >> 24), (byte)(streamWindow >> 16), (byte)(streamWindow >> 8), (byte)streamWindow]),
            .. hasWindow ? Bytes(WindowUpdate, 0, 0, [0x7F, 0xFE, 0xFF, 0xFF]) : [],
        ];
        return SendAsync(preface);
    }

    public async Task SendAsync(ReadOnlyMemory<byte> bytes)
    {
        while (bytes.Length > 0) bytes = bytes[await _socket.SendAsync(bytes, TestContext.Current.CancellationToken)..];
    }

    /// <summary>Begins a gRPC call.</summary>
    public Task CallAsync(int stream, string path, params (string Name, string Value)[] metadata) => SendAsync(Bytes(Headers, EndHeaders, stream, Head(path, metadata)));

    public Task DataAsync(int stream, byte[] bytes, bool isLast = false) => SendAsync(Bytes(Data, isLast ? EndStream : (byte)0, stream, bytes));

    /// <summary>Reads frames until one that is wanted, which it returns; null at the end of the connection.</summary>
    public async Task<Frame?> ReadAsync(Func<Frame, bool> isWanted)
    {
        while (await ReadAsync() is { } frame)
        {
            if (isWanted(frame)) return frame;
        }

        return null;
    }

    /// <returns>Null at the end of the connection.</returns>
    public async Task<Frame?> ReadAsync()
    {
        try
        {
            byte[] head = new byte[9];
            if (!await FillAsync(head)) return null;
            byte[] payload = new byte[(head[0] << 16) | (head[1] << 8) | head[2]];
            if (!await FillAsync(payload)) return null;
            return new Frame(head[3], head[4], BinaryPrimitives.ReadInt32BigEndian(head.AsSpan(5)), payload);
        }
        catch (SocketException)
        {
            return null;
        }
    }

    /// <summary>Reads for so long.</summary>
    /// <returns>False when the server gives the connection up meanwhile.</returns>
    public async Task<bool> StaysAsync(TimeSpan time)
    {
        using CancellationTokenSource patience = new(time, TimeProvider.System);
        using CancellationTokenSource either = CancellationTokenSource.CreateLinkedTokenSource(patience.Token, TestContext.Current.CancellationToken);
        try
        {
            while (true)
            {
                // Frames are read whole: only the wait for one is given up.
                await _socket.ReceiveAsync(new byte[1], SocketFlags.Peek, either.Token);
                if (await ReadAsync() is not { Type: not GoAway }) return false;
            }
        }
        catch (OperationCanceledException) when (patience.IsCancellationRequested)
        {
            return true;
        }
    }

    public static byte[] Bytes(byte type, byte flags, int stream, IReadOnlyCollection<byte> payload)
    {
        byte[] frame = [(byte)(payload.Count >> 16), (byte)(payload.Count >> 8), (byte)payload.Count, type, flags, 0, 0, 0, 0, .. payload];
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(5), stream);
        return frame;
    }

    /// <summary>The headers of a gRPC call.</summary>
    public static List<byte> Head(string path, params (string Name, string Value)[] metadata) =>
    [
        0x83, 0x86, .. Literal(":path", path), .. Literal(":authority", "h"), .. Literal("content-type", "application/grpc"), .. Literal("te", "trailers"),
        .. metadata.SelectMany(each => Literal(each.Name, each.Value)),
    ];

    public void Dispose() => _socket.Dispose();

    /// <summary>A header that is not put into the table.</summary>
    public static byte[] Literal(string name, string value) => [0, (byte)name.Length, .. Encoding.ASCII.GetBytes(name), (byte)value.Length, .. Encoding.ASCII.GetBytes(value)];

    private async Task<bool> FillAsync(Memory<byte> to)
    {
        while (to.Length > 0)
        {
            int count = await _socket.ReceiveAsync(to, TestContext.Current.CancellationToken);
            if (count == 0) return false;
            to = to[count..];
        }

        return true;
    }
}
