using System.ComponentModel;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Gateway.Load.Carriers;
using Gateway.Load.Engine;

namespace Gateway.Load.Sockets;

/// <summary>Calls over a number of connections, all watched by the calling thread.</summary>
/// <remarks>
/// <b>Behaviour</b>: a call goes to the connection that has had room longest. One that breaks ends its calls and is made again, after a while that doubles.
/// <b>Threading</b>: one thread. <b>Cost</b>: no allocation a call; one send a connection for all calls that came together.
/// </remarks>
internal sealed class SocketTransport : ICallTransport
{
    private static readonly TimeSpan FirstRetry = TimeSpan.FromMilliseconds(10);
    private const int MostDoublings = 6;

    // One that the server closes after so long without a word was idle; sooner, it was never there.
    private static readonly TimeSpan LeastLife = TimeSpan.FromSeconds(1);

    private readonly TimeProvider _time;
    private readonly Epoll _epoll;
    private readonly SocketConnection[] _connections;
    private readonly IReadOnlyList<EncodedRequest> _requests;
    private readonly Queue<int> _withRoom;
    private readonly List<int> _dirty;
    private readonly double _nanosecondsPerTick;
    private int _up;
    private long _lostAt;
    private int _down;
    private bool _hasNewRoom;

    /// <param name="requests">By the number of the payload.</param>
    /// <param name="tls">How connections are encrypted; null for not at all.</param>
    public SocketTransport(IPEndPoint server, ICarrier carrier, RequestTarget target, IReadOnlyList<EncodedRequest> requests, int connections, int window, TimeProvider time, TlsClient? tls = null)
    {
        _time = time;
        _requests = requests;
        _nanosecondsPerTick = 1e9 / time.TimestampFrequency;
        _epoll = new Epoll(connections);
        _withRoom = new Queue<int>(connections);
        _dirty = new List<int>(connections);
        _connections = [.. Enumerable.Range(0, connections).Select(index => new SocketConnection(server, carrier.CreateConnection(target, window), _epoll, index, tls))];
        _down = connections;
        _lostAt = time.GetTimestamp();
    }

    public long DownSince => _up > 0 ? 0 : _lostAt;

    public int MostUp { get; private set; }

    public int Window => _connections.Where(connection => connection.IsUp).Select(connection => connection.Wire.Window).DefaultIfEmpty(0).Max();

    public string Trouble { get; private set; } = "no connection yet";

    public bool TrySend(int call, int payload, long timeoutMicroseconds)
    {
        while (_withRoom.TryDequeue(out int index))
        {
            SocketConnection connection = _connections[index];
            connection.IsListed = false;
            if (!connection.HasRoom) continue;
            connection.Write(call, _requests[payload], timeoutMicroseconds);
            MarkDirty(index);
            List(index);
            return true;
        }

        return false;
    }

    public void Flush()
    {
        // Those that break here are found by the next wait, which has a sink to tell.
        for (int i = 0; i < _dirty.Count; i++)
        {
            SocketConnection connection = _connections[_dirty[i]];
            connection.IsDirty = false;
            if (!connection.IsUp) continue;
            try
            {
                connection.Send();

                // What the kernel took whole it says nothing more about.
                bool wasListed = connection.IsListed;
                List(_dirty[i]);
                _hasNewRoom |= connection.IsListed && !wasListed;
            }
            catch (IOException)
            {
                // Reading says so too.
            }
        }

        _dirty.Clear();
    }

    public void Wait(long until, ICallSink sink)
    {
        if (_down > 0) until = Math.Min(until, Reconnect());

        // Calls may wait for the room that the last flush made.
        long left = _hasNewRoom ? 0 : until - _time.GetTimestamp();
        _hasNewRoom = false;
        int ready = _epoll.WaitFine((long)(left * _nanosecondsPerTick));
        for (int i = 0; i < ready; i++) Serve(_epoll.Ready(i), sink);
    }

    public void Abandon(int call)
    {
        for (int i = 0; i < _connections.Length; i++)
        {
            if (!_connections[i].IsUp || !_connections[i].TryAbandon(call)) continue;
            MarkDirty(i);
            CloseIfAsked(i);
            return;
        }
    }

    public void Dispose()
    {
        foreach (SocketConnection connection in _connections) connection.Dispose();
        _epoll.Dispose();
    }

    private void Serve(int index, ICallSink sink)
    {
        SocketConnection connection = _connections[index];
        try
        {
            if (connection.IsConnecting)
            {
                if (!connection.TryEndConnect()) return;
                MostUp = Math.Max(MostUp, ++_up);
                connection.UpSince = _time.GetTimestamp();
                connection.Receive(sink);
            }
            else if (connection.IsUp)
            {
                connection.Send();
                connection.Receive(sink);
                CloseIfAsked(index);
            }

            if (connection is { IsUp: true, IsHeard: true }) IsThere(connection);

            // What the protocol itself has to say goes with the next calls.
            if (connection.IsUp && connection.HasPending) MarkDirty(index);
            List(index);
        }
        catch (Exception exception) when (exception is IOException or InvalidDataException or SocketException or Win32Exception)
        {
            Break(index, exception, sink);
        }
    }

    private void MarkDirty(int index)
    {
        SocketConnection connection = _connections[index];
        if (connection.IsDirty) return;
        connection.IsDirty = true;
        _dirty.Add(index);
    }

    private void List(int index)
    {
        SocketConnection connection = _connections[index];
        if (connection.IsListed || !connection.HasRoom) return;
        connection.IsListed = true;
        _withRoom.Enqueue(index);
    }

    private void CloseIfAsked(int index)
    {
        SocketConnection connection = _connections[index];
        if (!connection.Wire.MustClose || connection.Wire.InFlight > 0) return;
        Down(connection);
        connection.RetryAt = _time.GetTimestamp();
    }

    private void Break(int index, Exception exception, ICallSink sink)
    {
        SocketConnection connection = _connections[index];
        Trouble = exception is SocketException socket ? $"cannot connect: {socket.SocketErrorCode}" : exception.InnerException is Win32Exception native ? $"{exception.Message}: {native.Message}" : exception.Message;
        bool wasUp = connection.IsUp;
        Down(connection);
        TimeSpan pause = FirstRetry * (1 << Math.Min(MostDoublings, connection.FailedAttempts++));
        connection.RetryAt = _time.GetTimestamp() + (long)(pause.TotalSeconds * _time.TimestampFrequency);
        if (!wasUp) return;
        connection.Wire.EndAll(new CallAnswer { Outcome = CallOutcome.Broken, Body = Encoding.UTF8.GetBytes(Trouble), RetryAfterMilliseconds = -1 }, sink);
    }

    /// <summary>There is a server at the other end: what was lost before is forgotten.</summary>
    private void IsThere(SocketConnection connection)
    {
        connection.FailedAttempts = 0;
        _lostAt = 0;
    }

    private void Down(SocketConnection connection)
    {
        if (connection.IsUp)
        {
            long now = _time.GetTimestamp();
            if (connection.IsHeard || _time.GetElapsedTime(connection.UpSince, now) >= LeastLife) IsThere(connection);
            if (--_up == 0 && _lostAt == 0) _lostAt = now;
        }

        connection.Close();
        _down++;
    }

    /// <returns>When the next connection is to be tried; a timestamp.</returns>
    private long Reconnect()
    {
        long now = _time.GetTimestamp();
        long next = long.MaxValue;
        for (int i = 0; i < _connections.Length; i++)
        {
            SocketConnection connection = _connections[i];
            if (connection.IsUp || connection.IsConnecting) continue;
            if (connection.RetryAt > now)
            {
                next = Math.Min(next, connection.RetryAt);
                continue;
            }

            _down--;
            try
            {
                connection.BeginConnect();
            }
            catch (SocketException exception)
            {
                Trouble = $"cannot connect: {exception.SocketErrorCode}";
                connection.Close();
                _down++;
                connection.RetryAt = now + (long)(FirstRetry.TotalSeconds * (1 << Math.Min(MostDoublings, connection.FailedAttempts++)) * _time.TimestampFrequency);
                next = Math.Min(next, connection.RetryAt);
            }
        }

        return next;
    }
}
