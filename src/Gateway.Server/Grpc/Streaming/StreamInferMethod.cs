using Gateway.Core.Memory;
using Gateway.Core.Models;
using Gateway.Server.Grpc.Inference;
using Microsoft.Extensions.Logging;

namespace Gateway.Server.Grpc.Streaming;

/// <summary>The method ModelStreamInfer: any number of requests for any models, each answered once, in order.</summary>
internal sealed class StreamInferMethod(ModelCatalog catalog, BlockPool pool, GrpcOptions options, GrpcStop stop, ILogger<StreamInferMethod> logger) : GrpcMethod("/inference.GRPCInferenceService/ModelStreamInfer")
{
    private readonly AnswerWriter _writer = new(pool, options);

    public override Task InvokeAsync(GrpcCall call) => new InferStream(call, catalog, pool, options, _writer, stop, logger).RunAsync();
}
