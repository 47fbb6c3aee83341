using System.Text;

namespace Gateway.Protocol;

/// <summary>Names of <see cref="StatusCode"/> on the wire: gRPC's.</summary>
public static class StatusNames
{
    private static readonly string[] Names =
    [
        "OK", "UNKNOWN", "INTERNAL", "NOT_FOUND", "INVALID_ARGUMENT", "UNAVAILABLE", "UNIMPLEMENTED", "ALREADY_EXISTS", "CANCELLED", "UNAUTHENTICATED",
        "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
    ];

    public static string WireName(this StatusCode status) => Names[(int)status];

    /// <summary>Reads a name, such as <c>"NOT_FOUND"u8</c>.</summary>
    /// <returns><see cref="StatusCode.Unknown"/> when it is none of them: a newer server may have more.</returns>
    public static StatusCode Parse(ReadOnlySpan<byte> utf8Name)
    {
        for (int i = 0; i < Names.Length; i++)
        {
            if (Ascii.Equals(utf8Name, Names[i])) return (StatusCode)i;
        }

        return StatusCode.Unknown;
    }
}
