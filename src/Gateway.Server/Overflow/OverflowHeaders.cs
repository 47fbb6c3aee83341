namespace Gateway.Server.Overflow;

/// <summary>Headers between gateways, and the one that tells a client where its answer was computed. Over gRPC they are metadata, in small letters.</summary>
internal static class OverflowHeaders
{
    /// <summary>Of a forwarded request: the instance that forwards it; of a poll: the instance that asks. A request from an instance that asks is not forwarded again.</summary>
    public const string Origin = "Gateway-Origin";

    /// <summary>Of a forwarded request: milliseconds for which the instance that forwards it waits before it tries elsewhere.</summary>
    public const string Patience = "Gateway-Patience-Ms";

    /// <summary>Of a poll: milliseconds after which the instance that asks will ask again.</summary>
    public const string PollPeriod = "Gateway-Poll-Ms";

    /// <summary>Of a forwarded request: it is nobody's, and only to be answered.</summary>
    public const string WarmUp = "Gateway-Warm-Up";

    /// <summary>Of the answer to a forwarded request: the load of the model's queue there (<see cref="Core.Overflow.Reports.LoadReport"/>).</summary>
    public const string Load = "Gateway-Load";

    /// <summary>Of an answer that a replica gave: its address.</summary>
    public const string ServedBy = "Gateway-Served-By";
}
