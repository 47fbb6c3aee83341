using System.Net;
using System.Net.Sockets;
using System.Text;
using Gateway.Load.Sockets;

namespace Gateway.Harness.Load;

/// <summary>One keep-alive connection with one request under way at a time.</summary>
/// <remarks><b>Threading</b>: the client's one thread. <b>Cost</b>: nothing allocated after it has been opened.</remarks>
internal sealed class Connection : IDisposable
{
    // The answers measured are below 1 KiB; this also holds an error's text.
    private readonly byte[] _buffer = GC.AllocateArray<byte>(64 * 1024, pinned: true);
    private readonly InferExchange _exchange;
    private readonly Socket _socket;
    private readonly int _descriptor;
    private int _received;
    private int _sent;

    public Connection(IPEndPoint server, InferExchange exchange)
    {
        _exchange = exchange;
        _socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        _socket.Connect(server);
        _descriptor = (int)_socket.Handle;
    }

    public Socket Socket => _socket;

    /// <summary>When the present request was sent.</summary>
    public long SentAt { get; private set; }

    /// <summary>Head of the last answer.</summary>
    public ResponseHead Answer { get; private set; }

    public void Send(long now)
    {
        SentAt = now;
        _exchange.Advance();
        _received = 0;
        _sent = 0;

        // The request fits the socket's buffer, which is empty now; a full one is rare enough to try again at once.
        while (_sent < _exchange.Request.Length) _sent += Math.Max(0, Epoll.Send(_descriptor, _exchange.Request.AsSpan(_sent)));
    }

    /// <summary>Reads what has come.</summary>
    /// <returns>True when the answer is complete, and right.</returns>
    public bool TryReceive()
    {
        int count = Epoll.Receive(_descriptor, _buffer.AsSpan(_received));
        if (count < 0) return false;
        if (count == 0) throw new IOException("the server closed the connection");
        _received += count;
        if (!ResponseHead.TryParse(_buffer.AsSpan(0, _received), out ResponseHead head)) return false;
        int length = head.HeadBytes + head.BodyBytes;
        if (length > _buffer.Length) throw new InvalidDataException($"an answer of {length} bytes is more than the client expects");
        if (_received < length) return false;
        if (_received > length) throw new InvalidDataException("the server sent more than one answer to one request");
        if (head.Status != 200 || head.BodyBytes - head.InferenceHeaderBytes != _exchange.OutputBytes) throw Wrong(head);
        Answer = head;
        return true;
    }

    public void Dispose() => _socket.Dispose();

    private InvalidDataException Wrong(ResponseHead head) =>
        new($"the server answered {head.Status} with {head.BodyBytes} bytes, of which {_exchange.OutputBytes} should be the output: " +
            Encoding.UTF8.GetString(_buffer, head.HeadBytes, Math.Min(500, head.BodyBytes)));
}
