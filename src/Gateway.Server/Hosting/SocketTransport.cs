using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;

namespace Gateway.Server.Hosting;

/// <summary>Sets Kestrel's sockets up so that a request passes through as few threads and system calls as can be.</summary>
/// <remarks>
/// <b>Behaviour</b>: what arrives is read, parsed and queued on the thread that watches the socket, one for each core; answers are sent by the thread that writes
/// them; blocks are larger (<see cref="WireMemoryPool"/>). What continues on a watching thread must be short, since it watches other connections too: long texts
/// are parsed on the thread pool. Measured beside Kestrel's defaults in bench/results, <c>light-http</c>.
/// </remarks>
internal static class SocketTransport
{
    // The framework reads it when the process makes its first socket, and offers no other way. A user who has set it has the say.
    private const string InlineCompletions = "DOTNET_SYSTEM_NET_SOCKETS_INLINE_COMPLETIONS";

    /// <summary>To be called after Kestrel has been added: of two memory pools the one added last counts.</summary>
    public static void AddSocketTransport(this WebApplicationBuilder builder)
    {
        if (Environment.GetEnvironmentVariable(InlineCompletions) is null) Environment.SetEnvironmentVariable(InlineCompletions, "1");
        builder.WebHost.UseSockets(sockets => sockets.UnsafePreferInlineScheduling = true);
        builder.Services.AddSingleton<IMemoryPoolFactory<byte>, WireMemoryPool.Factory>();
    }
}
