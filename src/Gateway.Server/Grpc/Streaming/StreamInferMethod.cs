using Gateway.Core.Memory;
using Gateway.Core.Memory.Shared;
using Gateway.Core.Models;
using Gateway.Server.Grpc.Inference;
using Gateway.Server.Grpc.Services;
using Gateway.Server.Tenants;
using Microsoft.Extensions.Logging;

namespace Gateway.Server.Grpc.Streaming;

/// <summary>The method ModelStreamInfer: any number of requests for any models, each answered once, in order.</summary>
internal sealed class StreamInferMethod(ModelCatalog catalog, BlockPool pool, SharedRegions regions, GrpcOptions options, CallerTenants tenants, GrpcStop stop, ILogger logger, InferOverflow? overflow = null)
    : GuardedMethod(InferenceService.Path("ModelStreamInfer"), logger)
{
    private readonly AnswerWriter _writer = new(pool, options);

    protected override Task InvokeAsync(GrpcCall call) => new InferStream(call, catalog, pool, regions, options, _writer, tenants, stop, Logger, overflow).RunAsync();
}
