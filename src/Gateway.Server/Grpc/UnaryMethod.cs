using Google.Protobuf;
using Microsoft.Extensions.Logging;

namespace Gateway.Server.Grpc;

/// <summary>A method of one message each way, by generated classes.</summary>
internal sealed class UnaryMethod<TRequest, TResponse>(string path, MessageParser<TRequest> parser, Func<TRequest, Task<TResponse>> answer, ILogger logger) : GuardedMethod(path, logger)
    where TRequest : IMessage<TRequest>
    where TResponse : IMessage<TResponse>
{
    public UnaryMethod(string path, MessageParser<TRequest> parser, Func<TRequest, TResponse> answer, ILogger logger)
        : this(path, parser, request => Task.FromResult(answer(request)), logger)
    {
    }

    /// <summary>Most bytes of a request.</summary>
    public long MostBytes { get; init; } = GrpcMessages.MostBytes;

    protected override async Task InvokeAsync(GrpcCall call)
    {
        TRequest request = await GrpcMessages.ReadAsync(call, parser, MostBytes).ConfigureAwait(false) ?? throw GrpcMessages.Incomplete();
        TResponse response = await answer(request).ConfigureAwait(false);
        call.Begin();
        GrpcMessages.Write(call, response);
        call.Succeed();
    }
}
