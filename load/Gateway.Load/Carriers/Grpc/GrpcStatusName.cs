namespace Gateway.Load.Carriers.Grpc;

/// <summary>gRPC's statuses by their numbers.</summary>
internal static class GrpcStatusName
{
    public const int Ok = 0;
    public const int ResourceExhausted = 8;
    public const int Unavailable = 14;

    private static readonly byte[][] Names =
    [
        "OK"u8.ToArray(), "CANCELLED"u8.ToArray(), "UNKNOWN"u8.ToArray(), "INVALID_ARGUMENT"u8.ToArray(), "DEADLINE_EXCEEDED"u8.ToArray(), "NOT_FOUND"u8.ToArray(),
        "ALREADY_EXISTS"u8.ToArray(), "PERMISSION_DENIED"u8.ToArray(), "RESOURCE_EXHAUSTED"u8.ToArray(), "FAILED_PRECONDITION"u8.ToArray(), "ABORTED"u8.ToArray(), "OUT_OF_RANGE"u8.ToArray(),
        "UNIMPLEMENTED"u8.ToArray(), "INTERNAL"u8.ToArray(), "UNAVAILABLE"u8.ToArray(), "DATA_LOSS"u8.ToArray(), "UNAUTHENTICATED"u8.ToArray(),
    ];

    public static ReadOnlySpan<byte> Of(int status) => status >= 0 && status < Names.Length ? Names[status] : Names[2];
}
