namespace Gateway.Server.Grpc.Http2;

/// <summary>When silent clients are asked whether they are there.</summary>
/// <param name="Silence">After which one is pinged.</param>
/// <param name="Patience">In which it has to answer.</param>
internal sealed record KeepAliveTimes(TimeSpan Silence, TimeSpan Patience);
