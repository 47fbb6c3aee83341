using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using Gateway.Load.Sockets;

namespace Gateway.Load.Carriers.Null;

/// <summary>A server that does nothing but answer, in this process: what the client does against it is what the client can do.</summary>
/// <remarks><b>Threading</b>: threads of its own, among which connections are dealt out; the first accepts them too. <b>Ownership</b>: disposing ends them.</remarks>
internal sealed class NullServer : IDisposable
{
    private const int MostConnections = 4096;
    private const int AskAgainMilliseconds = 100;
    private const int Listener = 0;

    private readonly Func<NullResponder> _responders;
    private readonly TlsServer? _tls;
    private readonly Socket _listener;
    private readonly Epoll[] _epolls;
    private readonly Thread[] _threads;
    private readonly ConcurrentDictionary<int, Peer> _peers = [];
    private int _last = Listener;
    private volatile bool _isStopped;

    /// <param name="tls">How connections are encrypted; null for not at all.</param>
    /// <param name="threads">As many as the client has, lest this be what limits it.</param>
    public NullServer(Func<NullResponder> responders, TlsServer? tls = null, int threads = 1)
    {
        _tls = tls;
        _responders = responders;
        _listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        _listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _listener.Listen(MostConnections);
        _listener.Blocking = false;
        _epolls = [.. Enumerable.Range(0, threads).Select(_ => new Epoll(MostConnections))];
        _epolls[0].Add(_listener, Listener);
        _threads = [.. _epolls.Select((epoll, i) => new Thread(() => Run(epoll)) { IsBackground = true, Name = $"null server {i}" })];
        foreach (Thread thread in _threads) thread.Start();
    }

    public IPEndPoint EndPoint => (IPEndPoint)_listener.LocalEndPoint!;

    public void Dispose()
    {
        _isStopped = true;
        foreach (Thread thread in _threads) thread.Join();
        foreach (Peer peer in _peers.Values) peer.Dispose();
        foreach (Epoll epoll in _epolls) epoll.Dispose();
        _listener.Dispose();
    }

    private void Run(Epoll epoll)
    {
        while (!_isStopped)
        {
            int ready = epoll.Wait(AskAgainMilliseconds);
            for (int i = 0; i < ready; i++)
            {
                int index = epoll.Ready(i);
                if (index == Listener)
                {
                    if (TryAccept() is not { } socket) continue;
                    int next = ++_last;
                    _peers[next] = new Peer(socket, _responders(), _tls?.Begin());
                    _epolls[next % _epolls.Length].Add(socket, next);
                }
                else if (_peers.TryGetValue(index, out Peer? peer) && !peer.TryServe(epoll, index))
                {
                    peer.Dispose();
                    _peers.TryRemove(index, out _);
                }
            }
        }
    }

    private Socket? TryAccept()
    {
        try
        {
            Socket socket = _listener.Accept();
            socket.NoDelay = true;
            return socket;
        }
        catch (SocketException)
        {
            // The client changed its mind.
            return null;
        }
    }

    private sealed class Peer(Socket socket, NullResponder responder, TlsChannel? channel) : IDisposable
    {
        private readonly OutputBuffer _output = new();
        private readonly InputBuffer _input = new();
        private bool _waitsForRoom;

        /// <returns>False when the connection is over.</returns>
        public bool TryServe(Epoll epoll, int index)
        {
            int descriptor = (int)socket.Handle;
            OutputBuffer outgoing = channel?.Output ?? _output;
            try
            {
                int count = Epoll.Receive(descriptor, channel is null ? _input.Room(responder.Wanted) : channel.Room());
                if (count == 0) return false;
                if (count > 0) Take(count);
                while (outgoing.Pending.Length > 0)
                {
                    int sent = Epoll.Send(descriptor, outgoing.Pending);
                    if (sent < 0) break;
                    outgoing.Sent(sent);
                }
            }
            catch (Exception exception) when (exception is IOException or InvalidDataException)
            {
                return false;
            }

            bool waits = outgoing.Pending.Length > 0;
            if (waits != _waitsForRoom) epoll.Modify(socket, index, waits);
            _waitsForRoom = waits;
            return true;
        }

        public void Dispose()
        {
            channel?.Dispose();
            socket.Dispose();
        }

        private void Take(int received)
        {
            if (channel is null)
            {
                _input.Received(received);
            }
            else
            {
                channel.Received(received);
                if (!channel.IsOpen()) return;
                if (!channel.Decrypt(_input, responder.Wanted)) throw new IOException("the client closed the connection");
            }

            _input.Taken(responder.Answer(_input.Unread, _output));
            channel?.Encrypt(_output);
        }
    }
}
