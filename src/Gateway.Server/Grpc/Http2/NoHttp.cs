using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Http.Features;

namespace Gateway.Server.Grpc.Http2;

/// <summary>What Kestrel asks for to start, on a port whose connections never come to its own HTTP.</summary>
internal sealed class NoHttp : IHttpApplication<object>
{
    public object CreateContext(IFeatureCollection contextFeatures) => throw Never();

    public Task ProcessRequestAsync(object context) => throw Never();

    public void DisposeContext(object context, Exception? exception) => throw Never();

    private static InvalidOperationException Never() => new("No connection of this port is served by Kestrel's HTTP.");
}
