namespace Gateway.Load.Results;

/// <summary>What the client did against a server in its own process that only answers, over the same carrier with the same payloads.</summary>
/// <param name="Wanted">Calls a second that it was to offer; 0 where it was to do as much as it can.</param>
/// <param name="Rate">Calls a second that were answered.</param>
/// <param name="LagP99Microseconds">How late the client was to send.</param>
/// <param name="P99Microseconds">Latency, which is all the client's and the machine's.</param>
/// <param name="CpuMicroseconds">Client CPU a call.</param>
/// <param name="IsGood">Whether the client can offer the load.</param>
/// <param name="Text">In a sentence.</param>
internal sealed record ProofResult(double Wanted, double Rate, double LagP99Microseconds, double P99Microseconds, double CpuMicroseconds, bool IsGood, string Text);
