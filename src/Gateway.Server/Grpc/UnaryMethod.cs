using Google.Protobuf;
using Microsoft.Extensions.Logging;

namespace Gateway.Server.Grpc;

/// <summary>A method of one message each way, by generated classes.</summary>
internal sealed class UnaryMethod<TRequest, TResponse>(string path, MessageParser<TRequest> parser, Func<TRequest, TResponse> answer, ILogger logger) : GuardedMethod(path, logger)
    where TRequest : IMessage<TRequest>
    where TResponse : IMessage<TResponse>
{
    protected override async Task InvokeAsync(GrpcCall call)
    {
        TRequest request = await GrpcMessages.ReadAsync(call, parser).ConfigureAwait(false) ?? throw GrpcMessages.Incomplete();
        TResponse response = answer(request);
        call.Begin();
        GrpcMessages.Write(call, response);
        call.Succeed();
    }
}
