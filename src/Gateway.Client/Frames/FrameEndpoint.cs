using System.Net.Security;
using Gateway.Client.Calls;
using Gateway.Client.Endpoints;
using Microsoft.Extensions.Logging;

namespace Gateway.Client.Frames;

/// <summary>A server of frames, and the connections to it.</summary>
/// <remarks>
/// <b>Behaviour</b>: for each connection that stops taking calls there is a new one at once, which connects after a pause if the old one has failed. So the
/// endpoint is always about to be ready, and a failing one is left alone for a growing time.
/// <b>Threading</b>: any thread. <b>Cost</b>: no allocation and no lock a call.
/// </remarks>
internal sealed class FrameEndpoint : Endpoint
{
    private readonly Lock _lock = new();
    private readonly InferenceClientOptions _options;
    private readonly ILogger _logger;
    private readonly FrameConnection[] _connections;
    private readonly BackOff[] _backOffs;
    private readonly Dictionary<FrameConnection, Task> _running = [];
    private bool _isStarted;
    private volatile bool _isDisposed;

    public FrameEndpoint(EndpointAddress address, InferenceClientOptions options, ILogger logger)
    {
        Address = address;
        if (address.TlsHost is { } host)
        {
            Tls = new SslClientAuthenticationOptions { TargetHost = host };
            options.ConfigureTls?.Invoke(Tls);
        }

        _options = options;
        _logger = logger;
        _connections = new FrameConnection[options.ConnectionsPerEndpoint];
        _backOffs = new BackOff[options.ConnectionsPerEndpoint];
        for (int i = 0; i < _connections.Length; i++)
        {
            _connections[i] = new FrameConnection(this, options, logger);
            _backOffs[i] = new BackOff(options.ReconnectDelay, options.MaxReconnectDelay);
        }
    }

    public EndpointAddress Address { get; }

    /// <summary>How its connections speak TLS; null for those that do not.</summary>
    public SslClientAuthenticationOptions? Tls { get; }

    public bool IsDisposed => _isDisposed;

    public override bool IsReady
    {
        get
        {
            foreach (ref FrameConnection connection in _connections.AsSpan())
            {
                if (Volatile.Read(ref connection).IsOpen) return true;
            }

            return false;
        }
    }

    public override int Load
    {
        get
        {
            int load = 0;
            foreach (ref FrameConnection connection in _connections.AsSpan()) load += Volatile.Read(ref connection).Load;
            return load;
        }
    }

    public override void Start()
    {
        lock (_lock)
        {
            if (_isStarted || _isDisposed) return;
            _isStarted = true;
            foreach (FrameConnection connection in _connections) RunUnderLock(connection, TimeSpan.Zero);
        }
    }

    public override void Submit(PendingCall call)
    {
        call.Endpoint = this;
        while (!_isDisposed)
        {
            FrameConnection connection = Pick();
            if (connection.Submit(call)) return;
            Replace(connection);
        }

        call.OnFailed(CallFailure.Disposed());
    }

    /// <summary>Puts a new connection in the place of one that takes no calls any more, if that has not been done.</summary>
    public void Replace(FrameConnection old)
    {
        lock (_lock)
        {
            int index = Array.IndexOf(_connections, old);
            if (index < 0 || _isDisposed) return;

            // One that has answered may have been closed for many good reasons: the first attempt is made at once.
            TimeSpan pause = TimeSpan.Zero;
            if (old.HasAnswered) _backOffs[index].Succeed();
            else pause = _backOffs[index].Fail(Random.Shared.NextDouble());
            FrameConnection connection = new(this, _options, _logger);
            Volatile.Write(ref _connections[index], connection);
            RunUnderLock(connection, pause);
        }
    }

    public override async ValueTask DisposeAsync()
    {
        KeyValuePair<FrameConnection, Task>[] running;
        lock (_lock)
        {
            _isDisposed = true;
            running = [.. _running];
        }

        foreach ((FrameConnection connection, _) in running) connection.Abort();
        foreach ((_, Task task) in running) await task.ConfigureAwait(false);
    }

    private FrameConnection Pick()
    {
        FrameConnection best = Volatile.Read(ref _connections[0]);
        for (int i = 1; i < _connections.Length; i++)
        {
            FrameConnection other = Volatile.Read(ref _connections[i]);
            if (other.IsOpen == best.IsOpen ? other.Load < best.Load : other.IsOpen) best = other;
        }

        return best;
    }

    private void RunUnderLock(FrameConnection connection, TimeSpan pause)
    {
        // On the pool: the caller may hold a lock, or be a loop of the connection before.
        _running[connection] = Task.Run(async () =>
        {
            await connection.RunAsync(pause).ConfigureAwait(false);
            lock (_lock) _running.Remove(connection);
        });
    }
}
