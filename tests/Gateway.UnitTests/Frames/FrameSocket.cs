using System.Net;
using System.Net.Sockets;
using Gateway.UnitTests.Messages;
using Gateway.UnitTests.OpenInference;
using Map = System.Collections.Generic.Dictionary<string, object?>;

namespace Gateway.UnitTests.Frames;

/// <summary>One connection of frames, spoken by hand.</summary>
internal sealed class FrameSocket : IDisposable
{
    private readonly Socket _socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };

    private FrameSocket()
    {
    }

    /// <summary>Connects without a word.</summary>
    public static async Task<FrameSocket> ConnectAsync(InferenceServer server)
    {
        FrameSocket connection = new();
        await connection._socket.ConnectAsync(IPAddress.Loopback, server.FramesPort, TestContext.Current.CancellationToken);
        return connection;
    }

    /// <summary>Connects and says hello.</summary>
    public static async Task<FrameSocket> GreetAsync(InferenceServer server, long? window = null, Map? more = null)
    {
        FrameSocket connection = await ConnectAsync(server);
        Map hello = new() { ["version"] = 1L };
        if (window is not null) hello["window"] = window;
        foreach ((string key, object? value) in more ?? []) hello[key] = value;
        await connection.SendAsync("hello", 0, hello);
        Assert.Equal("hello", (await connection.ReceiveAsync()).Kind);
        return connection;
    }

    /// <summary>A message with its length before it.</summary>
    public static byte[] Frame(string kind, long call, object? body) => Frame(Maps.Write(new object?[] { kind, call, body }));

    public static byte[] Frame(byte[] message)
    {
        byte[] frame = new byte[Protocol.Frames.Frame.LengthBytes + message.Length];
        Protocol.Frames.Frame.WriteLength(frame, message.Length);
        message.CopyTo(frame, Protocol.Frames.Frame.LengthBytes);
        return frame;
    }

    public static byte[] Infer(long call, string model, Map request) => Frame("infer", call, Maps.With(request, "model_name", model));

    public Task SendAsync(string kind, long call, object? body) => SendAsync(Frame(kind, call, body));

    public Task InferAsync(long call, string model, Map request) => SendAsync(Infer(call, model, request));

    public async Task SendAsync(ReadOnlyMemory<byte> bytes)
    {
        while (bytes.Length > 0) bytes = bytes[await _socket.SendAsync(bytes, TestContext.Current.CancellationToken)..];
    }

    /// <summary>Takes what the socket will take at once.</summary>
    /// <returns>Bytes taken; 0 when its buffers are full.</returns>
    public int TrySend(ReadOnlySpan<byte> bytes)
    {
        _socket.Blocking = false;
        int sent = _socket.Send(bytes, SocketFlags.None, out SocketError error);
        return error == SocketError.Success ? sent : 0;
    }

    /// <summary>The bytes of the next message, its length included.</summary>
    public async Task<byte[]> ReceiveFrameAsync()
    {
        byte[] length = await ReceiveAsync(Protocol.Frames.Frame.LengthBytes);
        return [.. length, .. await ReceiveAsync((int)Protocol.Frames.Frame.ReadLength(length))];
    }

    /// <summary>The next message.</summary>
    /// <exception cref="EndOfStreamException">The connection has ended.</exception>
    public async Task<(string Kind, long Call, Map Body)> ReceiveAsync()
    {
        object?[] message = (object?[])Maps.Read((await ReceiveFrameAsync())[Protocol.Frames.Frame.LengthBytes..])!;
        return ((string)message[0]!, (long)message[1]!, message[2] as Map ?? []);
    }

    /// <summary>Expects the answer to one call to be an error.</summary>
    public async Task AssertErrorAsync(long call, string code, string text)
    {
        (string kind, long number, Map body) = await ReceiveAsync();
        Assert.Equal(("error", call, code, text), (kind, number, body.GetValueOrDefault("code"), body.GetValueOrDefault("error")));
    }

    public Task AssertEndAsync() => Assert.ThrowsAsync<EndOfStreamException>(() => ReceiveAsync(1));

    /// <summary>Breaks the connection off with a reset.</summary>
    public void Abort()
    {
        _socket.LingerState = new LingerOption(true, 0);
        _socket.Dispose();
    }

    /// <summary>Ends this side.</summary>
    public void Shutdown() => _socket.Shutdown(SocketShutdown.Send);

    public void Dispose() => _socket.Dispose();

    private async Task<byte[]> ReceiveAsync(int count)
    {
        byte[] bytes = new byte[count];
        for (int received = 0; received < count;)
        {
            int part;
            try
            {
                part = await _socket.ReceiveAsync(bytes.AsMemory(received), TestContext.Current.CancellationToken);
            }
            catch (SocketException error)
            {
                throw new EndOfStreamException("reset", error);
            }

            if (part == 0) throw new EndOfStreamException();
            received += part;
        }

        return bytes;
    }
}
