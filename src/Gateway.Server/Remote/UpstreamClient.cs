using System.Net.Http.Headers;
using Gateway.Core.Memory;
using Gateway.Core.Models;
using Gateway.Core.Models.Configuration;
using Gateway.Server.Remote.Grpc;
using Gateway.Server.Remote.Http;

namespace Gateway.Server.Remote;

/// <summary>Talks to one model on one upstream, over the protocol of its address.</summary>
/// <remarks><b>Threading</b>: any thread. <b>Ownership</b>: owns its connections.</remarks>
internal abstract class UpstreamClient : IDisposable
{
    // Names are resolved anew when connections are made; servers move.
    private static readonly TimeSpan ConnectionLifetime = TimeSpan.FromMinutes(5);

    private readonly HttpMessageInvoker _fresh;
    private readonly AuthenticationHeaderValue? _authorization;
    private readonly Version _version;
    private HttpMessageInvoker _kept;

    /// <param name="model">The model's address there, for people.</param>
    /// <param name="token">Shown with every request; null for none.</param>
    protected UpstreamClient(RemoteParameters parameters, Uri model, Version version, string? token, BlockPool pool)
    {
        Parameters = parameters;
        Model = model;
        Pool = pool;
        _version = version;
        _kept = MakeInvoker(ConnectionLifetime);
        _fresh = MakeInvoker(TimeSpan.Zero);
        _authorization = token is null ? null : new AuthenticationHeaderValue("Bearer", token);
    }

    public RemoteParameters Parameters { get; }

    public Uri Model { get; }

    protected BlockPool Pool { get; }

    /// <summary>Makes the client of a model, by its address.</summary>
    /// <param name="modelName">Its name here.</param>
    public static UpstreamClient Create(RemoteParameters parameters, string modelName, string? token, BlockPool pool)
    {
        string name = parameters.ModelName.Length > 0 ? parameters.ModelName : modelName;
        return parameters.IsGrpc ? new GrpcUpstream(parameters, name, token, pool) : new HttpUpstream(parameters, name, token, pool);
    }

    /// <summary>Asks what the model is.</summary>
    /// <exception cref="Core.Execution.ModelLoadException">It has no such model, or says what cannot be read.</exception>
    /// <exception cref="UpstreamException">There is no answer.</exception>
    public abstract Task<UpstreamMetadata> DescribeAsync(CancellationToken cancellation);

    /// <summary>Makes what an instance sends its batches by.</summary>
    public abstract IBatchForm FormFor(ModelLayout layout);

    /// <summary>A batch was not answered in time: its connection may be dead, and others must not wait on it.</summary>
    public virtual void NoteSilence()
    {
    }

    /// <param name="isFresh">Whether it is to go over a new connection.</param>
    /// <exception cref="UpstreamException">There is no answer. Whatever status it has is one.</exception>
    public async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, bool isFresh, CancellationToken cancellation)
    {
        request.Version = _version;
        request.VersionPolicy = HttpVersionPolicy.RequestVersionExact;
        request.Headers.Authorization = _authorization;
        try
        {
            return await (isFresh ? _fresh : Volatile.Read(ref _kept)).SendAsync(request, cancellation).ConfigureAwait(false);
        }
        catch (HttpRequestException error)
        {
            throw UpstreamErrors.OfRequest(error);
        }
        catch (OperationCanceledException error) when (!cancellation.IsCancellationRequested)
        {
            throw new UpstreamException(UpstreamFailure.Connect, $"the server that runs the model cannot be reached: no connection within {Parameters.ConnectTimeout.TotalMilliseconds} ms", error);
        }
    }

    public void Dispose()
    {
        _kept.Dispose();
        _fresh.Dispose();
    }

    /// <summary>Has further batches go over new connections; those that are under way keep theirs, which go with the last of them.</summary>
    protected void Renew() => Volatile.Write(ref _kept, MakeInvoker(ConnectionLifetime));

    private HttpMessageInvoker MakeInvoker(TimeSpan lifetime) => new(new SocketsHttpHandler
    {
        ActivityHeadersPropagator = null,
        AllowAutoRedirect = false,
        ConnectTimeout = Parameters.ConnectTimeout,
        EnableMultipleHttp2Connections = true,
        PooledConnectionLifetime = lifetime,
        UseCookies = false,
        UseProxy = false,
    });
}
