using Gateway.Core.Memory;
using Gateway.Core.Models;
using Gateway.Core.Tenants;
using Gateway.Server.Hosting;
using Gateway.Server.Tenants;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Gateway.Server.Frames;

/// <summary>Serves MessagePack frames on the connections of a port (src/Gateway.Protocol/Frames/README.md).</summary>
public sealed class FrameConnectionHandler(
    FramesOptions options, ModelCatalog catalog, BlockPool pool, ServerHealth health, ILogger<FrameConnectionHandler> logger, CallerTenants? tenants = null, IServiceProvider? services = null)
    : ConnectionHandler
{
    private readonly CallerTenants _tenants = tenants ?? new CallerTenants(TenantDirectory.None, new ServerOptions());

    // Null where there is no overflow.
    private readonly FrameOverflow? _overflow = services?.GetService<FrameOverflow>();

    public override Task OnConnectedAsync(ConnectionContext connection) =>
        new FrameConnection(connection, options, catalog, pool, health, _tenants, TimeProvider.System, logger, _overflow).RunAsync();
}
