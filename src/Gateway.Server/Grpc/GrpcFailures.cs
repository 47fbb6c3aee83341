using Gateway.Protocol;
using Gateway.Protocol.Protobuf;
using Gateway.Server.Grpc.Wire;
using Google.Protobuf;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging;

namespace Gateway.Server.Grpc;

/// <summary>Ends calls that failed with the status that stands for what went wrong.</summary>
internal static partial class GrpcFailures
{
    public static void End(GrpcCall call, Exception error, ILogger logger)
    {
        switch (error)
        {
            case InferenceException known:
                call.Explain(known.Refusal, known.RetryAfter);
                call.Fail(known.Status.ToGrpc(), known.Message);
                break;
            case GrpcException known:
                call.Fail(known.Status, known.Message);
                break;
            case ProtobufException or InvalidProtocolBufferException:
                call.Fail(GrpcStatus.InvalidArgument, $"failed to parse the request: {error.Message}");
                break;
            case IOException or OperationCanceledException or ConnectionAbortedException:
                // The client has gone, or sends too slowly; what is written here mostly goes nowhere.
                call.Fail(GrpcStatus.Cancelled, "the call was closed before the request was read");
                break;
            default:
                Log.Failed(logger, call.Path, error);
                call.Fail(GrpcStatus.Internal, "internal error");
                break;
        }
    }

    internal static partial class Log
    {
        [LoggerMessage(4400, LogLevel.Error, "The gRPC call {Path} failed unexpectedly.", EventName = "GrpcFailed")]
        public static partial void Failed(ILogger logger, string path, Exception error);
    }
}
