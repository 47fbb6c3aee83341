using Gateway.Core.Requests;
using Microsoft.AspNetCore.Http;

namespace Gateway.Server.OpenInference;

/// <summary>Cancels a request when its client goes away, from <see cref="Begin"/> to <see cref="End"/>.</summary>
internal readonly struct RequestWatch
{
    private readonly ConnectionWatch? _connection;
    private readonly CancellationTokenRegistration _registration;

    private RequestWatch(ConnectionWatch? connection, CancellationTokenRegistration registration)
    {
        _connection = connection;
        _registration = registration;
    }

    public static RequestWatch Begin(HttpContext context, InferenceRequest request)
    {
        if (ConnectionWatch.For(context) is not { } connection)
        {
            return new RequestWatch(null, context.RequestAborted.UnsafeRegister(static request => ((InferenceRequest)request!).Cancel(), request));
        }

        connection.Attach(request);
        return new RequestWatch(connection, default);
    }

    /// <summary>Once this returns, no cancellation that has begun can reach the request any more, which may soon be someone else's.</summary>
    public void End()
    {
        _connection?.Detach();
        _registration.Dispose();
    }
}
