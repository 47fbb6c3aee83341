using Microsoft.AspNetCore.Connections;

namespace Gateway.Server.Hosting;

/// <summary>How many connections there are, and have been, by what is spoken on them.</summary>
/// <remarks><b>Threading</b>: any thread. <b>Cost</b>: two counts and a task a connection; nothing a request.</remarks>
internal sealed class ConnectionCounts
{
    public Protocol Http { get; } = new("http");

    public Protocol Frames { get; } = new("frames");

    public Protocol Grpc { get; } = new("grpc");

    public IReadOnlyList<Protocol> All => [Frames, Grpc, Http];

    /// <summary>The connections of one protocol.</summary>
    internal sealed class Protocol(string name)
    {
        private long _open;
        private long _opened;

        public string Name => name;

        /// <summary>Connections that are open now.</summary>
        public long Open => Volatile.Read(ref _open);

        /// <summary>Connections since the start.</summary>
        public long Opened => Volatile.Read(ref _opened);

        /// <summary>Middleware that counts each connection while <paramref name="next"/> serves it.</summary>
        public ConnectionDelegate Count(ConnectionDelegate next) => async connection =>
        {
            Interlocked.Increment(ref _opened);
            Interlocked.Increment(ref _open);
            try
            {
                await next(connection).ConfigureAwait(false);
            }
            finally
            {
                Interlocked.Decrement(ref _open);
            }
        };
    }
}
