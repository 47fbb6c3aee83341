using System.Net;
using System.Net.Sockets;
using System.Text;
using Gateway.Load.Sockets;
using Gateway.Protocol.Frames;
using Gateway.Protocol.MessagePack;

namespace Gateway.Harness.Load;

/// <summary>One connection of frames with a number of calls under way, each sent again as soon as it is answered.</summary>
/// <remarks><b>Threading</b>: the client's one thread. <b>Cost</b>: nothing allocated after it has been opened.</remarks>
internal sealed class FrameClient : IDisposable
{
    private readonly byte[] _received = GC.AllocateArray<byte>(256 * 1024, pinned: true);
    private readonly byte[] _toSend;
    private readonly long[] _sentAt;
    private readonly FrameExchange _exchange;
    private readonly Socket _socket;
    private readonly int _descriptor;
    private int _receivedBytes;
    private int _toSendBytes;

    public FrameClient(IPEndPoint server, FrameExchange exchange, int window)
    {
        _exchange = exchange;
        _sentAt = new long[window];
        _toSend = GC.AllocateArray<byte>(window * exchange.FrameBytes, pinned: true);
        _socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        _socket.Connect(server);
        _descriptor = (int)_socket.Handle;
        _socket.Send(FrameExchange.Hello);
    }

    public Socket Socket => _socket;

    public int Window => _sentAt.Length;

    /// <summary>Called with the slot and the send time of a call that the server could not take at present; where null, such an answer is an error.</summary>
    public Action<int, long>? OnRefused { get; init; }

    /// <summary>Bytes of the last answer, its frame included.</summary>
    public int AnswerBytes { get; private set; }

    /// <summary>Puts a call into what is sent next.</summary>
    public void Add(int slot, long now)
    {
        _sentAt[slot] = now;
        _exchange.Write(_toSend.AsSpan(_toSendBytes), FrameExchange.FirstCall + slot);
        _toSendBytes += _exchange.FrameBytes;
    }

    /// <summary>Sends what was added, in one go.</summary>
    public void Send()
    {
        for (int sent = 0; sent < _toSendBytes;) sent += Math.Max(0, Epoll.Send(_descriptor, _toSend.AsSpan(sent, _toSendBytes - sent)));
        _toSendBytes = 0;
    }

    /// <summary>Reads what has come, and reports each answer.</summary>
    /// <param name="onAnswer">Given the call's slot and when it was sent.</param>
    public void Receive(Action<int, long> onAnswer)
    {
        int count = Epoll.Receive(_descriptor, _received.AsSpan(_receivedBytes));
        if (count < 0) return;
        if (count == 0) throw new IOException("the server closed the connection");
        _receivedBytes += count;
        int taken = 0;
        while (_receivedBytes - taken >= Frame.LengthBytes)
        {
            ReadOnlySpan<byte> rest = _received.AsSpan(taken, _receivedBytes - taken);
            int frame = Frame.LengthBytes + (int)Frame.ReadLength(rest);
            if (frame > _received.Length) throw new InvalidDataException($"a frame of {frame} bytes is more than the client expects");
            if (rest.Length < frame) break;
            taken += frame;
            Check(rest[Frame.LengthBytes..frame], frame, onAnswer);
        }

        _received.AsSpan(taken, _receivedBytes - taken).CopyTo(_received);
        _receivedBytes -= taken;
    }

    public void Dispose() => _socket.Dispose();

    private void Check(ReadOnlySpan<byte> message, int frame, Action<int, long> onAnswer)
    {
        MessagePackReader reader = new(message);
        if (!MessageHead.TryRead(ref reader, out MessageHead head)) throw new InvalidDataException("the server sent no message");
        if (head.Kind == MessageKind.Hello) return;

        if (head.Kind == MessageKind.Error && OnRefused is { } onRefused && message.IndexOf("UNAVAILABLE"u8) >= 0)
        {
            int refused = (int)head.Call - FrameExchange.FirstCall;
            onRefused(refused, _sentAt[refused]);
            return;
        }

        // The output's bytes end the message.
        if (head.Kind != MessageKind.Infer || message[^(_exchange.OutputBytes + 1)] != _exchange.OutputBytes) throw new InvalidDataException($"the server answered {head.Kind}: {Encoding.UTF8.GetString(message)}");
        AnswerBytes = frame;
        int slot = (int)head.Call - FrameExchange.FirstCall;
        onAnswer(slot, _sentAt[slot]);
    }
}
