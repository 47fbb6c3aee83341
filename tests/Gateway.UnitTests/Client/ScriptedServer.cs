using System.Net;
using System.Net.Sockets;
using Gateway.UnitTests.Frames;
using Gateway.UnitTests.Messages;
using Map = System.Collections.Generic.Dictionary<string, object?>;

namespace Gateway.UnitTests.Client;

/// <summary>A server that does what a test says with each connection.</summary>
internal sealed class ScriptedServer : IAsyncDisposable
{
    private readonly Socket _listener = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
    private readonly Func<Peer, Task> _script;
    private readonly CancellationTokenSource _ending = new();
    private readonly List<Task> _running = [];
    private readonly Task _accepting;

    public ScriptedServer(Func<Peer, Task> script)
    {
        _script = script;
        _listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _listener.Listen();
        Address = $"127.0.0.1:{((IPEndPoint)_listener.LocalEndPoint!).Port}";
        _accepting = AcceptAsync();
    }

    public string Address { get; }

    public static byte[] Hello(long window = 8) =>
        FrameSocket.Frame("hello", 0, new Map { ["version"] = 1L, ["server"] = "script", ["window"] = window, ["max_frame_bytes"] = 1L << 20 });

    /// <summary>The answer to a request of <see cref="Numbers"/>.</summary>
    public static byte[] Echo(long call, Map request)
    {
        Map input = (Map)((object?[])request["inputs"]!)[0]!;
        Map answer = new()
        {
            ["model_name"] = request["model_name"],
            ["model_version"] = "1",
            ["outputs"] = new object?[] { Maps.Tensor("y", "INT64", [1, 1], (byte[])input["data"]!) },
        };
        if (request.TryGetValue("id", out object? id)) answer["id"] = id;
        return FrameSocket.Frame("infer", call, answer);
    }

    public async ValueTask DisposeAsync()
    {
        await _ending.CancelAsync();
        _listener.Dispose();
        await _accepting;
        foreach (Task task in _running) await task;
        _ending.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            for (int number = 0; ; number++)
            {
                Socket socket = await _listener.AcceptAsync(_ending.Token);
                _running.Add(ServeAsync(new Peer(socket, number, _ending.Token)));
            }
        }
        catch (Exception error) when (error is OperationCanceledException or SocketException or ObjectDisposedException)
        {
        }
    }

    private async Task ServeAsync(Peer peer)
    {
        using (peer.Socket)
        {
            try
            {
                await _script(peer);
            }
            catch (Exception error) when (error is OperationCanceledException or SocketException or EndOfStreamException)
            {
            }
        }
    }

    /// <summary>A connection of a client.</summary>
    /// <param name="Number">Connections before it.</param>
    internal sealed record Peer(Socket Socket, int Number, CancellationToken Ending)
    {
        public async Task SendAsync(ReadOnlyMemory<byte> bytes)
        {
            while (bytes.Length > 0) bytes = bytes[await Socket.SendAsync(bytes, Ending)..];
        }

        public async Task<(string Kind, long Call, Map Body)> ReceiveAsync()
        {
            byte[] length = await ReceiveAsync(Protocol.Frames.Frame.LengthBytes);
            object?[] message = (object?[])Maps.Read(await ReceiveAsync((int)Protocol.Frames.Frame.ReadLength(length)))!;
            return ((string)message[0]!, (long)message[1]!, message[2] as Map ?? []);
        }

        /// <summary>Takes the client's hello and answers it.</summary>
        public async Task GreetAsync(long window = 8)
        {
            Assert.Equal("hello", (await ReceiveAsync()).Kind);
            await SendAsync(Hello(window));
        }

        /// <summary>Until the client or the test ends it.</summary>
        public async Task WaitForEndAsync()
        {
            byte[] rest = new byte[4096];
            while (await Socket.ReceiveAsync(rest, Ending) > 0)
            {
            }
        }

        /// <summary>Greets, and answers every request.</summary>
        public async Task ServeAsync(long window = 8)
        {
            await GreetAsync(window);
            while (true)
            {
                (string kind, long call, Map body) = await ReceiveAsync();
                if (kind == "infer") await SendAsync(Echo(call, body));
            }
        }

        public void Reset()
        {
            Socket.LingerState = new LingerOption(true, 0);
            Socket.Close();
        }

        private async Task<byte[]> ReceiveAsync(int count)
        {
            byte[] bytes = new byte[count];
            for (int received = 0; received < count;)
            {
                int part = await Socket.ReceiveAsync(bytes.AsMemory(received), Ending);
                if (part == 0) throw new EndOfStreamException();
                received += part;
            }

            return bytes;
        }
    }
}
