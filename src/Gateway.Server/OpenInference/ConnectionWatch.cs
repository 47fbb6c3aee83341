using Gateway.Core.Requests;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http;

namespace Gateway.Server.OpenInference;

/// <summary>Cancels the request in flight of an HTTP/1.1 connection when the client goes away.</summary>
/// <remarks>
/// <b>Behaviour</b>: made once a connection and kept in its items; HTTP/2, whose streams end one by one, has no use for it.
/// <b>Threading</b>: its lock makes sure that a request is never cancelled after its owner has taken it back, when it may already be someone else's.
/// <b>Cost</b>: a dictionary look-up and two uncontended locks a request, no allocation after the connection's first.
/// </remarks>
internal sealed class ConnectionWatch
{
    private static readonly object Key = new();

    private readonly Lock _lock = new();
    private InferenceRequest? _request;
    private bool _isClosed;

    private ConnectionWatch()
    {
    }

    /// <summary>The watch of the connection that a call came on; null where the server does not show its connections or they carry several requests.</summary>
    public static ConnectionWatch? For(HttpContext context)
    {
        if (HttpProtocol.IsHttp2(context.Request.Protocol)) return null;
        if (context.Features.Get<IConnectionItemsFeature>() is not { } connection) return null;
        if (connection.Items.TryGetValue(Key, out object? known)) return (ConnectionWatch)known!;
        if (context.Features.Get<IConnectionLifetimeFeature>() is not { } lifetime) return null;
        ConnectionWatch watch = new();
        connection.Items[Key] = watch;
        lifetime.ConnectionClosed.UnsafeRegister(static watch => ((ConnectionWatch)watch!).OnClosed(), watch);
        return watch;
    }

    /// <summary>From here to <see cref="Detach"/> the request is cancelled when the client goes; at once if it has gone already.</summary>
    public void Attach(InferenceRequest request)
    {
        lock (_lock)
        {
            _request = request;
            if (_isClosed) request.Cancel();
        }
    }

    public void Detach()
    {
        lock (_lock) _request = null;
    }

    private void OnClosed()
    {
        lock (_lock)
        {
            _isClosed = true;
            _request?.Cancel();
        }
    }
}
