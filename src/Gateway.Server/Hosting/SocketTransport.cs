using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;

namespace Gateway.Server.Hosting;

/// <summary>Sets Kestrel's sockets up so that a request passes through as few threads and system calls as can be.</summary>
/// <remarks>
/// <b>Behaviour</b>: what arrives is read, parsed and queued on the thread of the pool that took it from the socket; answers are sent by the thread that writes
/// them; blocks are larger (<see cref="WireMemoryPool"/>). <b>Threading</b>: work that takes long holds up its own connection and one thread of the pool.
/// </remarks>
internal static class SocketTransport
{
    /// <summary>To be called after Kestrel has been added: of two memory pools the one added last counts.</summary>
    public static void AddSocketTransport(this WebApplicationBuilder builder)
    {
        builder.WebHost.UseSockets(sockets => sockets.UnsafePreferInlineScheduling = true);
        builder.Services.AddSingleton<IMemoryPoolFactory<byte>, WireMemoryPool>();
    }
}
