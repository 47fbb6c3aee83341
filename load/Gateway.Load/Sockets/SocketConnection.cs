using System.Net;
using System.Net.Sockets;
using Gateway.Load.Carriers;

namespace Gateway.Load.Sockets;

/// <summary>One connection: made without waiting, made again when it is lost.</summary>
/// <remarks><b>Threading</b>: the transport's thread.</remarks>
internal sealed class SocketConnection(IPEndPoint server, WireConnection wire, Epoll epoll, int index, TlsClient? tls) : IDisposable
{
    // More than this in the buffer, and the server does not read: the rest waits in the worker, where it is counted.
    private const int MostPendingBytes = 1 << 20;

    private readonly OutputBuffer _output = new();
    private readonly InputBuffer _input = new();
    private Socket? _socket;
    private TlsChannel? _channel;
    private int _descriptor;
    private bool _waitsForRoom;

    public bool IsUp { get; private set; }

    public bool IsConnecting => _socket is not null && !IsUp;

    public bool HasRoom => IsUp && wire.HasRoom && PendingBytes < MostPendingBytes;

    /// <summary>Whether something is to be sent.</summary>
    public bool HasPending => PendingBytes > 0;

    /// <summary>Whether it is in the transport's list of those that have something to send.</summary>
    public bool IsDirty { get; set; }

    /// <summary>Whether it is in the transport's list of those that have room.</summary>
    public bool IsListed { get; set; }

    /// <summary>When to try again; a timestamp.</summary>
    public long RetryAt { get; set; }

    /// <summary>Since it was last of use.</summary>
    public int FailedAttempts { get; set; }

    /// <summary>When it was made; a timestamp.</summary>
    public long UpSince { get; set; }

    /// <summary>Whether the server has said anything on it: whoever accepts connections for a server that is gone does not.</summary>
    public bool IsHeard { get; private set; }

    public WireConnection Wire => wire;

    /// <summary>What the socket is given.</summary>
    private OutputBuffer Outgoing => _channel?.Output ?? _output;

    /// <summary>With TLS what is not encrypted yet is to be sent too.</summary>
    private int PendingBytes => _output.Pending.Length + (_channel?.Output.Pending.Length ?? 0);

    /// <exception cref="SocketException">The connection is refused at once.</exception>
    public void BeginConnect()
    {
        _socket = new Socket(server.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true, Blocking = false };
        _descriptor = (int)_socket.Handle;
        try
        {
            _socket.Connect(server);
        }
        catch (SocketException exception) when (exception.SocketErrorCode is SocketError.WouldBlock or SocketError.InProgress)
        {
            // It goes on by itself; the kernel says when.
        }

        _waitsForRoom = true;
        epoll.Add(_socket, index, forRoom: true);
    }

    /// <summary>Goes on connecting.</summary>
    /// <returns>Whether it is done.</returns>
    /// <exception cref="SocketException">There is no connection.</exception>
    /// <exception cref="IOException">There is no TLS on it.</exception>
    public bool TryEndConnect()
    {
        if (_channel is null && !EndConnect()) return false;
        if (_channel is not null && !TryEndHandshake(_channel)) return false;
        wire.Open(_output);
        Send();

        // Only now: a server that hangs up at once has never been there for the transport, which counts those that are.
        IsUp = true;
        IsHeard = false;
        return true;
    }

    /// <returns>True where there is no handshake to follow.</returns>
    private bool EndConnect()
    {
        int error = (int)_socket!.GetSocketOption(SocketOptionLevel.Socket, SocketOptionName.Error)!;
        if (error != 0) throw new SocketException(error);
        _output.Clear();
        _input.Clear();
        _channel = tls?.Begin();
        if (_channel is null) return true;
        Send();
        return false;
    }

    private bool TryEndHandshake(TlsChannel channel)
    {
        int count = Epoll.Receive(_descriptor, channel.Room());
        if (count == 0) throw new IOException("no TLS: the server closed the connection");
        if (count > 0) channel.Received(count);
        bool isOpen = channel.IsOpen();
        if (!isOpen) Send();
        return isOpen;
    }

    /// <returns>False when the call is not on this connection.</returns>
    public bool TryAbandon(int call) => wire.TryAbandon(call, _output);

    public void Write(int call, EncodedRequest request, long timeoutMicroseconds) => wire.Write(call, request, timeoutMicroseconds, _output);

    /// <exception cref="IOException">The connection broke.</exception>
    public void Send()
    {
        _channel?.Encrypt(_output);
        OutputBuffer outgoing = Outgoing;
        while (outgoing.Pending.Length > 0)
        {
            int sent = Epoll.Send(_descriptor, outgoing.Pending);
            if (sent < 0) break;
            outgoing.Sent(sent);
        }

        bool waits = outgoing.Pending.Length > 0;
        if (waits == _waitsForRoom) return;
        _waitsForRoom = waits;
        epoll.Modify(_socket!, index, waits);
    }

    /// <exception cref="IOException">The connection broke.</exception>
    /// <exception cref="InvalidDataException">What came is not the protocol's.</exception>
    public void Receive(ICallSink sink)
    {
        Span<byte> room = _channel is null ? _input.Room(wire.Wanted) : _channel.Room();
        int count = Epoll.Receive(_descriptor, room);
        bool isOver = count == 0;
        if (_channel is null)
        {
            if (count < 0) return;
            _input.Received(count);
        }
        else
        {
            // Some may have come with the end of the handshake.
            if (count > 0) _channel.Received(count);
            isOver |= !_channel.Decrypt(_input, wire.Wanted);
        }

        IsHeard |= _input.Unread.Length > 0;
        _input.Taken(wire.Read(_input.Unread, _output, sink));
        if (isOver && !wire.TryEnd(_input.Unread, sink)) throw new IOException("the server closed the connection");
    }

    public void Close()
    {
        IsUp = false;
        _channel?.Dispose();
        _channel = null;
        _socket?.Dispose();
        _socket = null;
    }

    public void Dispose() => Close();
}
