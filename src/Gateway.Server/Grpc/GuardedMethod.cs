using Microsoft.Extensions.Logging;

namespace Gateway.Server.Grpc;

/// <summary>A method whose exceptions become the call's status.</summary>
/// <param name="logger">Is told what should not have happened.</param>
internal abstract class GuardedMethod(string path, ILogger logger) : ServedMethod(path)
{
    protected ILogger Logger => logger;

    public sealed override async Task ServeAsync(GrpcCall call)
    {
        try
        {
            await InvokeAsync(call).ConfigureAwait(false);
        }
#pragma warning disable CA1031 // Whatever goes wrong is this call's error; the connection and everybody else go on.
        catch (Exception error)
#pragma warning restore CA1031
        {
            GrpcFailures.End(call, error, logger);
        }
        finally
        {
            call.Clear();
        }
    }

    /// <summary>Answers a call.</summary>
    protected abstract Task InvokeAsync(GrpcCall call);
}
