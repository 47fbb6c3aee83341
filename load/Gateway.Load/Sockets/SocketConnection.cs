using System.Net;
using System.Net.Sockets;
using Gateway.Load.Carriers;

namespace Gateway.Load.Sockets;

/// <summary>One connection: made without waiting, made again when it is lost.</summary>
/// <remarks><b>Threading</b>: the transport's thread.</remarks>
internal sealed class SocketConnection(IPEndPoint server, WireConnection wire, Epoll epoll, int index) : IDisposable
{
    // More than this in the buffer, and the server does not read: the rest waits in the worker, where it is counted.
    private const int MostPendingBytes = 1 << 20;

    private readonly OutputBuffer _output = new();
    private readonly InputBuffer _input = new();
    private Socket? _socket;
    private int _descriptor;
    private bool _waitsForRoom;

    public bool IsUp { get; private set; }

    public bool IsConnecting => _socket is not null && !IsUp;

    public bool HasRoom => IsUp && wire.HasRoom && _output.Pending.Length < MostPendingBytes;

    /// <summary>Whether it is in the transport's list of those that have something to send.</summary>
    public bool IsDirty { get; set; }

    /// <summary>Whether it is in the transport's list of those that have room.</summary>
    public bool IsListed { get; set; }

    /// <summary>When to try again; a timestamp.</summary>
    public long RetryAt { get; set; }

    public int FailedAttempts { get; set; }

    public WireConnection Wire => wire;

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

    /// <summary>Ends connecting, if the kernel is done with it.</summary>
    /// <exception cref="SocketException">There is no connection.</exception>
    public void EndConnect()
    {
        int error = (int)_socket!.GetSocketOption(SocketOptionLevel.Socket, SocketOptionName.Error)!;
        if (error != 0) throw new SocketException(error);
        IsUp = true;
        FailedAttempts = 0;
        _output.Clear();
        _input.Clear();
        wire.Open(_output);
        Send();
    }

    public void Write(int call, EncodedRequest request, long timeoutMicroseconds) => wire.Write(call, request, timeoutMicroseconds, _output);

    /// <exception cref="IOException">The connection broke.</exception>
    public void Send()
    {
        while (_output.Pending.Length > 0)
        {
            int sent = Epoll.Send(_descriptor, _output.Pending);
            if (sent < 0) break;
            _output.Sent(sent);
        }

        bool waits = _output.Pending.Length > 0;
        if (waits == _waitsForRoom) return;
        _waitsForRoom = waits;
        epoll.Modify(_socket!, index, waits);
    }

    /// <exception cref="IOException">The connection broke.</exception>
    /// <exception cref="InvalidDataException">What came is not the protocol's.</exception>
    public void Receive(ICallSink sink)
    {
        int count = Epoll.Receive(_descriptor, _input.Room(wire.Wanted));
        if (count < 0) return;
        if (count == 0) throw new IOException("the server closed the connection");
        _input.Received(count);
        _input.Taken(wire.Read(_input.Unread, _output, sink));
    }

    public void Close()
    {
        IsUp = false;
        _socket?.Dispose();
        _socket = null;
    }

    public void Dispose() => Close();
}
