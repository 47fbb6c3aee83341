using System.Collections.Concurrent;
using Gateway.Core.Execution;
using Gateway.Core.Memory;
using Gateway.Core.Models;
using Gateway.Core.Models.Configuration;
using Gateway.Server.Overflow;
using Microsoft.Extensions.Logging;

namespace Gateway.Server.Remote;

/// <summary>Serves models that another server runs: batched, cached and limited here, executed there.</summary>
/// <remarks><b>Threading</b>: any thread.</remarks>
/// <param name="passage">Null where nobody could pass its requests back.</param>
public sealed class RemoteBackend(BlockPool pool, TimeProvider time, ILoggerFactory loggers, Passage? passage = null) : IExecutionBackend
{
    internal const string BackendName = RemoteParameters.BackendName;

    private readonly Passage _passage = passage ?? new Passage();

    // As many as there are models that were ever loaded, which the repository bounds.
    private readonly ConcurrentDictionary<(string Model, long Version), RemoteCounts> _counts = new();

    public string Name => BackendName;

    /// <summary>What became of each model's batches, in the order of names and versions.</summary>
    internal IEnumerable<((string Model, long Version) Key, RemoteCounts Counts)> Counts =>
        _counts.OrderBy(each => each.Key.Model, StringComparer.Ordinal).ThenBy(each => each.Key.Version).Select(each => (each.Key, each.Value));

    public ILoadedModel Load(ModelSource source)
    {
        RemoteParameters parameters = source.Declared?.Remote ?? throw new ModelLoadException("its configuration does not name a server");
        RemoteCounts counts = _counts.GetOrAdd((source.Name, source.Version), static _ => new RemoteCounts());
        return RemoteModel.Open(source, parameters, _passage.MarkOfModel(source.Name), counts, pool, time, loggers.CreateLogger<RemoteModel>());
    }
}
