using System.Net;
using Gateway.Core.Memory;
using Gateway.Core.Memory.Shared;
using Gateway.Core.Models;
using Gateway.Core.Models.Repository;
using Gateway.Core.Tracing;
using Gateway.Server.Grpc;
using Gateway.Server.Hosting;
using Gateway.Server.Tenants;
using Gateway.UnitTests.OpenInference;

namespace Gateway.UnitTests.Grpc;

/// <summary>gRPC on a free port beside an <see cref="InferenceServer"/>, whose models it serves.</summary>
internal sealed class GrpcServer : IAsyncDisposable
{
    private readonly GrpcListener _listener;

    private GrpcServer(InferenceServer server, GrpcListener listener)
    {
        Server = server;
        _listener = listener;
        Client = new GrpcClient(new Uri(listener.Uri));
        Port = IPEndPoint.Parse(listener.Address).Port;
    }

    public InferenceServer Server { get; }

    public BlockPool Pool => Server.Pool;

    public ModelCatalog Catalog => Server.Catalog;

    public GrpcClient Client { get; }

    public int Port { get; }

    /// <param name="control">Makes what loads and unloads models on request; it is its caller's to stop.</param>
    /// <param name="regions">The shared memory that clients register; null where they may not.</param>
    public static async Task<GrpcServer> StartAsync(ServerOptions? options = null, TenantsOptions? tenants = null, Func<ModelCatalog, BlockPool, IModelControl>? control = null, SharedRegions? regions = null, Tracer? tracer = null)
    {
        InferenceServer server = await InferenceServer.StartAsync(tenants: tenants, control: control, regions: regions, tracer: tracer);
        GrpcListener listener = new(server.Services, (options ?? new ServerOptions()) with { GrpcPort = 0 });
        await listener.StartAsync(TestContext.Current.CancellationToken);
        return new GrpcServer(server, listener);
    }

    public Task StopAsync() => _listener.StopAsync(CancellationToken.None);

    /// <summary>Stops everything and asserts that no block is still lent.</summary>
    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        using (CancellationTokenSource patience = new(TimeSpan.FromSeconds(10), TimeProvider.System)) await _listener.StopAsync(patience.Token);
        await _listener.DisposeAsync();
        await Server.DisposeAsync();
    }
}
