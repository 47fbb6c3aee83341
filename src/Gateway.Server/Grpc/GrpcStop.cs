namespace Gateway.Server.Grpc;

/// <summary>Tells calls that last as long as their clients like that the server stops.</summary>
internal sealed class GrpcStop : IDisposable
{
    /// <summary>Triton's text.</summary>
    public const string Text = "GRPC server is shutting down and has stopped accepting new requests.";

    private readonly CancellationTokenSource _source = new();

    public CancellationToken Token => _source.Token;

    public void Begin() => _source.Cancel();

    public void Dispose() => _source.Dispose();
}
