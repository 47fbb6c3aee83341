namespace Gateway.Server.Grpc;

/// <summary>A method whose calls read their messages and write their answers themselves, on threads of the pool.</summary>
internal abstract class ServedMethod(string path) : GrpcMethod(path)
{
    /// <summary>Answers a call, which ends with a status whatever happens, and holds nothing afterwards.</summary>
    public abstract Task ServeAsync(GrpcCall call);
}
