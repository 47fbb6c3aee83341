using System.Diagnostics;
using Gateway.Client.Calls;
using Gateway.Client.Endpoints;
using Gateway.Client.Frames;
using Gateway.Client.Http;
using Gateway.Client.Messages;
using Gateway.Client.Telemetry;
using Gateway.Protocol;
using Gateway.Protocol.Frames;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Gateway.Client;

/// <summary>Runs inferences on one or several servers.</summary>
/// <remarks>
/// <para>
/// <b>Behaviour</b>: any number of calls at once over few connections, which are made at the first call and made anew when they break. A call ends with its
/// answer or, at its deadline at the latest, with an exception: <see cref="InferenceException"/> for what the server says, <see cref="InferenceConnectionException"/>
/// for a connection that cannot be made or broke, <see cref="TimeoutException"/> for the deadline, <see cref="OperationCanceledException"/> at once when it is cancelled.
/// What certainly did not run (refused as UNAVAILABLE, never sent, left undone by a server that said goodbye) is tried again, elsewhere if possible.
/// </para>
/// <para><b>Threading</b>: any thread; make one client and share it. Continuations run on the thread pool.</para>
/// <para><b>Ownership</b>: borrows a request and its tensors until the call ends; caller must dispose responses and, in the end, the client, which fails the calls left.</para>
/// <para><b>Cost</b>: an inference allocates its response; its tensors are copied once into what is sent, and out of what was received once if they are small.</para>
/// </remarks>
public sealed class InferenceClient : IAsyncDisposable
{
    private readonly Endpoint[] _endpoints;
    private readonly CallRunner _runner;

    /// <param name="endpoint">Where the server is: see <see cref="InferenceClientOptions.Endpoints"/>.</param>
    public InferenceClient(string endpoint)
        : this(new InferenceClientOptions { Endpoints = { endpoint } })
    {
    }

    /// <exception cref="ArgumentException">The options are wrong; the message lists everything.</exception>
    public InferenceClient(InferenceClientOptions options, ILoggerFactory? loggers = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        InferenceClientOptionsValidator.Validate(options);
        ILogger logger = (loggers ?? NullLoggerFactory.Instance).CreateLogger<InferenceClient>();
        _endpoints = new Endpoint[options.Endpoints.Count];
        for (int i = 0; i < _endpoints.Length; i++)
        {
            EndpointAddress address = EndpointAddress.Parse(options.Endpoints[i]);
            _endpoints[i] = address.Http is null ? new FrameEndpoint(address, options, logger) : new HttpEndpoint(address, options);
        }

        _runner = new CallRunner(options, _endpoints);
    }

    /// <summary>Runs an inference.</summary>
    /// <param name="request">Borrowed until the call ends.</param>
    /// <returns>To be awaited once. The caller must dispose the response.</returns>
    public ValueTask<InferenceResponse> InferAsync(InferenceRequest request, CancellationToken cancellationToken = default) =>
        ClientTelemetry.Source.HasListeners() ? InferTracedAsync(request, cancellationToken) : _runner.InferAsync(request, cancellationToken);

    /// <summary>What the server says about a model.</summary>
    /// <param name="modelVersion">Null for the highest version that is ready.</param>
    public async Task<ModelMetadata> GetModelMetadataAsync(string modelName, string? modelVersion = null, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(modelName);
        return Read(await _runner.CallAsync(() => new ModelCall(MessageKind.Metadata, modelName, modelVersion), cancellationToken).ConfigureAwait(false), AnswerReader.ReadModelMetadata);
    }

    /// <summary>What the server says about itself.</summary>
    public async Task<ServerMetadata> GetServerMetadataAsync(CancellationToken cancellationToken = default) =>
        Read(await _runner.CallAsync(static () => new ModelCall(MessageKind.Metadata, null, null), cancellationToken).ConfigureAwait(false), AnswerReader.ReadServerMetadata);

    /// <summary>Whether a model can be called; false for one that the server does not know.</summary>
    public async Task<bool> IsModelReadyAsync(string modelName, string? modelVersion = null, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(modelName);
        return Read(await _runner.CallAsync(() => new ModelCall(MessageKind.Ready, modelName, modelVersion), cancellationToken).ConfigureAwait(false), AnswerReader.ReadReady);
    }

    public async Task<bool> IsServerReadyAsync(CancellationToken cancellationToken = default) =>
        Read(await _runner.CallAsync(static () => new ModelCall(MessageKind.Ready, null, null), cancellationToken).ConfigureAwait(false), AnswerReader.ReadReady);

    /// <summary>Goes to a server and back.</summary>
    public async Task PingAsync(CancellationToken cancellationToken = default) =>
        (await _runner.CallAsync(static () => new ModelCall(MessageKind.Ping, null, null), cancellationToken).ConfigureAwait(false)).Return();

    public async ValueTask DisposeAsync()
    {
        foreach (Endpoint endpoint in _endpoints) await endpoint.DisposeAsync().ConfigureAwait(false);
    }

    private async ValueTask<InferenceResponse> InferTracedAsync(InferenceRequest request, CancellationToken cancellationToken)
    {
        using Activity? activity = ClientTelemetry.Source.StartActivity("infer", ActivityKind.Client);
        activity?.SetTag("gateway.model", request.ModelName);
        try
        {
            return await _runner.InferAsync(request, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception error)
        {
            activity?.SetStatus(ActivityStatusCode.Error, error.Message);
            throw;
        }
    }

    private static T Read<T>(Answer answer, Reader<T> read)
    {
        try
        {
            return read(answer.Body);
        }
        finally
        {
            answer.Return();
        }
    }

    private delegate T Reader<T>(ReadOnlySpan<byte> body);
}
