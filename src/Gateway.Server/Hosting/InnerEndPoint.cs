using System.Net;
using Microsoft.AspNetCore.Connections;

namespace Gateway.Server.Hosting;

/// <summary>An endpoint that nobody can connect to: it makes Kestrel build a protocol's pipeline for others to use.</summary>
internal sealed class InnerEndPoint(string name) : EndPoint
{
    public override string ToString() => name;

    /// <summary>Accepts no connection until it is unbound.</summary>
    internal sealed class ListenerFactory : IConnectionListenerFactory, IConnectionListenerFactorySelector
    {
        public bool CanBind(EndPoint endpoint) => endpoint is InnerEndPoint;

        public ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default) => new(new Listener(endpoint));
    }

    private sealed class Listener(EndPoint endpoint) : IConnectionListener
    {
        private readonly TaskCompletionSource<ConnectionContext?> _unbound = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public EndPoint EndPoint { get; } = endpoint;

        public ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default) => new(_unbound.Task);

        public ValueTask UnbindAsync(CancellationToken cancellationToken = default)
        {
            _unbound.TrySetResult(null);
            return default;
        }

        public ValueTask DisposeAsync() => UnbindAsync();
    }
}
