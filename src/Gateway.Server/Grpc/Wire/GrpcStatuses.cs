using System.Globalization;
using Gateway.Protocol;

namespace Gateway.Server.Grpc.Wire;

/// <summary>Maps outcomes to gRPC's statuses, one to one, as Triton does.</summary>
internal static class GrpcStatuses
{
    // Made once: every answer carries one.
    private static readonly string[] Texts = [.. Enumerable.Range(0, 17).Select(code => code.ToString(CultureInfo.InvariantCulture))];

    /// <summary>As the trailer has it.</summary>
    public static string Text(this GrpcStatus status) => Texts[(int)status];

    /// <summary>The outcome that a status stands for.</summary>
    public static StatusCode ToOutcome(this GrpcStatus status) => status switch
    {
        GrpcStatus.Ok => StatusCode.Ok,
        GrpcStatus.Internal => StatusCode.Internal,
        GrpcStatus.NotFound => StatusCode.NotFound,
        GrpcStatus.InvalidArgument => StatusCode.InvalidArgument,
        GrpcStatus.Unavailable => StatusCode.Unavailable,
        GrpcStatus.Unimplemented => StatusCode.Unsupported,
        GrpcStatus.AlreadyExists => StatusCode.AlreadyExists,
        GrpcStatus.Cancelled => StatusCode.Cancelled,
        GrpcStatus.Unauthenticated => StatusCode.Unauthenticated,
        GrpcStatus.PermissionDenied => StatusCode.PermissionDenied,
        GrpcStatus.ResourceExhausted => StatusCode.ResourceExhausted,
        GrpcStatus.FailedPrecondition => StatusCode.NotCached,
        _ => StatusCode.Unknown,
    };

    public static GrpcStatus ToGrpc(this StatusCode status) => status switch
    {
        StatusCode.Ok => GrpcStatus.Ok,
        StatusCode.Internal => GrpcStatus.Internal,
        StatusCode.NotFound => GrpcStatus.NotFound,
        StatusCode.InvalidArgument => GrpcStatus.InvalidArgument,
        StatusCode.Unavailable => GrpcStatus.Unavailable,
        StatusCode.Unsupported => GrpcStatus.Unimplemented,
        StatusCode.AlreadyExists => GrpcStatus.AlreadyExists,
        StatusCode.Cancelled => GrpcStatus.Cancelled,
        StatusCode.Unauthenticated => GrpcStatus.Unauthenticated,
        StatusCode.PermissionDenied => GrpcStatus.PermissionDenied,
        StatusCode.ResourceExhausted => GrpcStatus.ResourceExhausted,
        StatusCode.NotCached => GrpcStatus.FailedPrecondition,
        _ => GrpcStatus.Unknown,
    };
}
