using Gateway.Core.Execution;
using Gateway.Core.Memory;
using Gateway.Core.Models;
using Gateway.Core.Models.Configuration;
using Microsoft.Extensions.Logging;
using Polly;

namespace Gateway.Server.Remote;

/// <summary>A model that another server runs: what that says of it, and the way there.</summary>
internal sealed partial class RemoteModel : ILoadedModel
{
    // For the upstream to say what the model is: it may be starting, and this is asked once, so it may take longer than a batch.
    private static readonly TimeSpan LoadTime = TimeSpan.FromSeconds(10);

    private readonly UpstreamClient _client;
    private readonly ResiliencePipeline _pipeline;
    private readonly RemoteCounts _counts;
    private readonly BlockPool _pool;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly string _name;
    private readonly string _mark;
    private string? _version;

    private RemoteModel(string name, string mark, UpstreamClient client, UpstreamMetadata metadata, RemoteCounts counts, BlockPool pool, TimeProvider time, ILogger logger)
    {
        _name = name;
        _mark = mark;
        _client = client;
        _counts = counts;
        _pool = pool;
        _time = time;
        _logger = logger;
        Signature = metadata.Signature;
        Identity = metadata.IdentityAt(client.Model);
        _pipeline = UpstreamPipeline.Create(time, counts, NoteBreaker);
    }

    public ModelSignature Signature { get; }

    public string Device => _client.Model.AbsoluteUri;

    public byte[] Identity { get; }

    /// <summary>Asks the upstream for the model.</summary>
    /// <param name="mark">What its batches carry, so that they do not come back (<see cref="Overflow.Passage"/>).</param>
    /// <exception cref="ModelLoadException">It cannot be had.</exception>
    public static RemoteModel Open(ModelSource source, RemoteParameters parameters, string mark, RemoteCounts counts, BlockPool pool, TimeProvider time, ILogger logger)
    {
        UpstreamClient client = UpstreamClient.Create(parameters, source.Name, TokenOf(parameters), pool);
        try
        {
            using CancellationTokenSource limited = new(parameters.Timeout > LoadTime ? parameters.Timeout : LoadTime, TimeProvider.System);
            UpstreamMetadata metadata = UpstreamMetadata.AskAsync(client, limited.Token).GetAwaiter().GetResult();
            return new RemoteModel(source.Name, mark, client, metadata, counts, pool, time, logger);
        }
        catch
        {
            client.Dispose();
            throw;
        }
    }

    public IReadOnlyList<IModelExecutor> CreateExecutors(ModelLayout layout, InstanceGroup group, int instances) =>
        [new RemoteExecutor(layout, _client, _mark, _pipeline, _counts, _pool, _time, NoteVersion)];

    public void Dispose() => _client.Dispose();

    private static string? TokenOf(RemoteParameters parameters)
    {
        if (parameters.AccessTokenVariable is not { } variable) return null;
        string? token = Environment.GetEnvironmentVariable(variable)?.Trim();
        if (string.IsNullOrEmpty(token)) throw new ModelLoadException($"the environment variable {variable}, which 'access_token_variable' names, is not set");
        return token.All(each => each is > ' ' and < '\x7f') ? token : throw new ModelLoadException($"the environment variable {variable} holds what cannot be sent as a token");
    }

    private void NoteBreaker(Exception? why)
    {
        if (why is null) LogBack(_logger, _name, _client.Model);
        else LogAway(_logger, _name, _client.Model, why.Message);
    }

    private void NoteVersion(string version)
    {
        string? before = Interlocked.Exchange(ref _version, version);
        if (before is not null && before != version) LogVersion(_logger, _name, version, before);
    }

    [LoggerMessage(4700, LogLevel.Error, "Model {Model}: {Address} has failed too often, and is left alone for a moment: {Reason}", EventName = "UpstreamAway")]
    private static partial void LogAway(ILogger logger, string model, Uri address, string reason);

    [LoggerMessage(4701, LogLevel.Warning, "Model {Model}: {Address} answers again", EventName = "UpstreamBack")]
    private static partial void LogBack(ILogger logger, string model, Uri address);

    [LoggerMessage(
        4702,
        LogLevel.Warning,
        "Model {Model}: the server that runs it answers with version {Version} now, and did with {Before}; answers in the cache are of the older one until they are too old",
        EventName = "UpstreamVersionChanged")]
    private static partial void LogVersion(ILogger logger, string model, string version, string before);
}
