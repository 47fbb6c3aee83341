using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using Gateway.Protocol.Frames;

namespace Gateway.UnitTests.Client;

/// <summary>Stands between clients and a server of this machine, and changes single bytes that pass, either way.</summary>
/// <remarks><b>Behaviour</b>: the places of the changes are those of a seed, for each connection and direction, however the bytes come in pieces.</remarks>
internal sealed class FlippingProxy : IAsyncDisposable
{
    private readonly Socket _listener = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
    private readonly CancellationTokenSource _ending = new();
    private readonly List<Task> _running = [];
    private readonly List<Passage> _passages = [];
    private readonly Lock _lock = new();
    private readonly int _server;
    private readonly int _seed;
    private readonly int _meanDistance;
    private readonly Task _accepting;
    private volatile bool _isHealed;
    private int _flips;

    /// <param name="server">Port of the server.</param>
    /// <param name="meanDistance">Bytes from one change to the next.</param>
    public FlippingProxy(int server, int seed, int meanDistance)
    {
        _server = server;
        _seed = seed;
        _meanDistance = meanDistance;
        _listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _listener.Listen();
        _accepting = AcceptAsync();
    }

    public int Port => ((IPEndPoint)_listener.LocalEndPoint!).Port;

    /// <summary>Bytes changed so far.</summary>
    public int Flips => Volatile.Read(ref _flips);

    /// <summary>Changes nothing more.</summary>
    /// <remarks>Ends the connections whose first frame was changed: a hello that became another valid one, with another limit, is believed as long as its connection is there.</remarks>
    public void Heal()
    {
        _isHealed = true;
        lock (_lock)
        {
            foreach (Passage passage in _passages.Where(passage => passage.IsHelloChanged)) passage.End();
        }
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
                Socket client = await _listener.AcceptAsync(_ending.Token);
                client.NoDelay = true;
                _running.Add(PassAsync(client, number));
            }
        }
        catch (Exception error) when (error is OperationCanceledException or SocketException or ObjectDisposedException)
        {
        }
    }

    private async Task PassAsync(Socket client, int number)
    {
        using Socket server = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        Passage passage = new(client, server);
        lock (_lock) _passages.Add(passage);
        try
        {
            await server.ConnectAsync(IPAddress.Loopback, _server, _ending.Token);
        }
        catch (Exception error) when (error is OperationCanceledException or SocketException)
        {
            passage.End();
            return;
        }

        await Task.WhenAll(PumpAsync(passage, client, server, new Random(HashCode(number, 0))), PumpAsync(passage, server, client, new Random(HashCode(number, 1))));
    }

    // The framework's hash codes are others in each process.
    private int HashCode(int number, int direction) => (((_seed * 31) + number) * 31) + direction;

    private async Task PumpAsync(Passage passage, Socket from, Socket to, Random random)
    {
        byte[] buffer = new byte[16 * 1024];
        byte[] length = new byte[Frame.LengthBytes];
        long helloEnd = Frame.LengthBytes;
        long passed = 0;
        long next = random.Next(2 * _meanDistance);
        try
        {
            while (await from.ReceiveAsync(buffer, _ending.Token) is > 0 and int received)
            {
                Memory<byte> piece = buffer.AsMemory(0, received);
                for (int i = 0; passed + i < length.Length && i < received; i++) length[passed + i] = buffer[i];
                if (passed + received >= length.Length) helloEnd = Frame.LengthBytes + (long)BinaryPrimitives.ReadUInt32BigEndian(length);
                for (; next < passed + received; next += 1 + random.Next(2 * _meanDistance))
                {
                    byte change = (byte)random.Next(1, 256);
                    if (_isHealed) continue;
                    buffer[next - passed] ^= change;
                    Interlocked.Increment(ref _flips);
                    if (next < helloEnd) passage.IsHelloChanged = true;
                }

                passed += received;
                while (piece.Length > 0) piece = piece[await to.SendAsync(piece, _ending.Token)..];
            }
        }
        catch (Exception error) when (error is OperationCanceledException or SocketException or ObjectDisposedException)
        {
        }

        passage.End();
    }

    /// <summary>A connection of a client, and the one to the server for it.</summary>
    private sealed class Passage(Socket client, Socket server)
    {
        private volatile bool _isHelloChanged;

        public bool IsHelloChanged
        {
            get => _isHelloChanged;
            set => _isHelloChanged = value;
        }

        public void End()
        {
            client.Dispose();
            server.Dispose();
        }
    }
}
