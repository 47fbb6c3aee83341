using Gateway.Core.Models.Repository;
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

    /// <summary>Lets in requests that have more than other messages may; null where there are none.</summary>
    public LargeLoads? Large { get; init; }

    protected override async Task InvokeAsync(GrpcCall call)
    {
        TRequest request = await GrpcMessages.ReadAsync(call, parser, MostBytes, large: Large).ConfigureAwait(false) ?? throw GrpcMessages.Incomplete();
        Task<TResponse> answering = call.Large is null ? answer(request) : AnswerLargeAsync(call, request);
        if (!answering.IsCompleted && call.TimeLeft is { } left)
        {
            try
            {
                // What was asked for is done all the same: a load half made is of no use to anybody.
                await answering.WaitAsync(left, TimeProvider.System).ConfigureAwait(false);
            }
            catch (TimeoutException) when (!answering.IsCompleted)
            {
                throw CallTimer.TimeOver();
            }
        }

        TResponse response = await answering.ConfigureAwait(false);
        call.Begin();
        int bytes = GrpcMessages.Write(call, response);
        if (bytes > GrpcCall.MostUnwatched) await call.FlushAsync(bytes).ConfigureAwait(false);
        call.Succeed();
    }

    /// <summary>Answers a call that was let in as a large one: what it has brought is there until the answer is, however soon its client has gone.</summary>
    private async Task<TResponse> AnswerLargeAsync(GrpcCall call, TRequest request)
    {
        LargeLoads entered = call.Large!;
        call.Large = null;
        try
        {
            return await answer(request).ConfigureAwait(false);
        }
        finally
        {
            entered.Leave();
        }
    }
}
