using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text;
using Gateway.Core.Requests;
using Gateway.Core.Tenants;
using Gateway.Core.Tracing;
using Gateway.Protocol;

namespace Gateway.Core.Models;

/// <summary>The models that are served now, by name and version.</summary>
/// <remarks>
/// <b>Threading</b>: any thread; a look-up reads one immutable snapshot. <b>Cost</b>: a look-up by a span of a path is one hash and no allocation.
/// The texts of failures are Triton's.
/// </remarks>
/// <param name="tracer">Decides which of the requests that are lent are traced; null for one that begins with none.</param>
public sealed class ModelCatalog(Tracer? tracer = null)
{
    private readonly Lock _writeLock = new();
    private volatile Dictionary<string, Entry> _models = new(StringComparer.Ordinal);

    /// <summary>Every version of every model, by name and version.</summary>
    public IReadOnlyList<ModelStatus> Index =>
        [.. _models.Values.SelectMany(entry => entry.Versions).Select(status => status.Present).OrderBy(status => status.Name, StringComparer.Ordinal).ThenBy(status => status.Version)];

    /// <summary>What traces requests.</summary>
    public Tracer Tracer { get; } = tracer ?? new Tracer(new TraceConfig(), directory: null, TimeProvider.System);

    /// <summary>Whether every model that is to be served is, as far as it can be: what comes or goes, or was unloaded on purpose, does not count.</summary>
    public bool AreAllReady => _models.Values.All(entry => entry.Versions.All(status => status.Present is not { State: ModelState.Unavailable, Reason: not ModelStatus.Unloaded }));

    /// <summary>Stays the same object as long as no model comes or goes: what was looked up under it still holds.</summary>
    public object Snapshot => _models;

    /// <summary>The ready versions of one model, ascending.</summary>
    /// <exception cref="InferenceException">The model is unknown or none of its versions is ready.</exception>
    public IReadOnlyList<ServedModel> ReadyVersions(ReadOnlySpan<char> name)
    {
        _ = Find(name, 0);

        // Looked up again: the model may have been unloaded since.
        if (!_models.TryGetValue(name.ToString(), out Entry? entry) || entry.Latest is null) throw NoVersion(name);
        return [.. entry.Versions.Where(status => status.Model is not null).Select(status => status.Model!)];
    }

    /// <summary>Looks a model up.</summary>
    /// <param name="version">0 for the highest ready version.</param>
    /// <exception cref="InferenceException"><see cref="StatusCode.NotFound"/> for an unknown model or version, <see cref="StatusCode.Unavailable"/> for one that is not ready.</exception>
    public ServedModel Find(ReadOnlySpan<char> name, long version)
    {
        if (!_models.GetAlternateLookup<ReadOnlySpan<char>>().TryGetValue(name, out Entry? entry))
        {
            throw new InferenceException(StatusCode.NotFound, $"Request for unknown model: '{name}' is not found");
        }

        if (version == 0) return entry.Latest ?? throw NoVersion(name);
        if (entry.Find(version) is { } status) return status.Model ?? throw NotReady(name, version);
        throw new InferenceException(StatusCode.NotFound, $"Request for unknown model: '{name}' version {version.ToString(CultureInfo.InvariantCulture)} is not found");
    }

    /// <summary>Likewise, by a name in UTF-8.</summary>
    /// <exception cref="InferenceException">As above.</exception>
    public ServedModel Find(ReadOnlySpan<byte> utf8Name, long version)
    {
        // Longer names come from nobody who means a model.
        const int MostStackChars = 256;
        if (utf8Name.Length > MostStackChars) return Find(Encoding.UTF8.GetString(utf8Name).AsSpan(), version);
        Span<char> name = stackalloc char[MostStackChars];
        return Find(name[..Encoding.UTF8.GetChars(utf8Name, name)], version);
    }

    /// <summary>Likewise, for callers to whom a model that is not there is no failure.</summary>
    public bool TryFind(ReadOnlySpan<char> name, long version, [NotNullWhen(true)] out ServedModel? model)
    {
        model = null;
        if (_models.GetAlternateLookup<ReadOnlySpan<char>>().TryGetValue(name, out Entry? entry)) model = version == 0 ? entry.Latest : entry.Find(version)?.Model;
        return model is not null;
    }

    /// <summary>Whether <see cref="Find(ReadOnlySpan{char}, long)"/> would find a model, with an instance that can run: for callers that ask again and again until that is so.</summary>
    /// <param name="version">0 for any.</param>
    /// <returns>Null for an unknown model; false also for an unknown version of a known one.</returns>
    public bool? IsReady(ReadOnlySpan<char> name, long version)
    {
        if (!_models.GetAlternateLookup<ReadOnlySpan<char>>().TryGetValue(name, out Entry? entry)) return null;
        return (version == 0 ? entry.Latest : entry.Find(version)?.Model) is { IsReady: true };
    }

    /// <summary>Lends a request of a model that was looked up, or of the one that has taken its place since.</summary>
    /// <param name="found">What the look-up gave.</param>
    /// <param name="version">What was looked up; 0 for the highest ready version.</param>
    /// <param name="tenant">Who sends it, let in already; whether this goes well or not, that is not the caller's any more. Null where there are no tenants.</param>
    /// <exception cref="InferenceException">It was unloaded, and nothing is in its place.</exception>
    public InferenceRequest RentRequest(ServedModel found, long version, Tenant? tenant = null)
    {
        InferenceRequest? request;
        try
        {
            // It ends: a model is retired only once the catalog has been changed, so the next look-up finds another.
            while (!found.TryRentRequest(out request)) found = Find(found.Name, version);
        }
        catch
        {
            tenant?.Leave();
            throw;
        }

        request.AdmitAs(tenant);
        Tracer.Begin(request);
        return request;
    }

    /// <summary>Sets all that is known of one model, in one go: who looks it up sees all of the old or all of the new.</summary>
    /// <param name="versions">Its versions; none makes it unknown.</param>
    internal void Replace(string name, IReadOnlyList<ModelStatus> versions)
    {
        lock (_writeLock)
        {
            Dictionary<string, Entry> models = new(_models, StringComparer.Ordinal);
            if (versions.Count == 0) models.Remove(name);
            else models[name] = new Entry(versions);
            _models = models;
        }
    }

    /// <summary>Sets what is known of one version.</summary>
    internal void Set(ModelStatus status)
    {
        lock (_writeLock)
        {
            Dictionary<string, Entry> models = new(_models, StringComparer.Ordinal);
            IEnumerable<ModelStatus> others = models.TryGetValue(status.Name, out Entry? entry) ? entry.Versions : [];

            // Version 0 stands for "none is known" and goes when one is.
            models[status.Name] = new Entry([.. others.Where(other => other.Version != status.Version && other.Version != 0).Append(status).OrderBy(each => each.Version)]);
            _models = models;
        }
    }

    private static InferenceException NoVersion(ReadOnlySpan<char> name) =>
        new(StatusCode.NotFound, $"Request for unknown model: '{name}' has no available versions");

    internal static InferenceException NotReady(ReadOnlySpan<char> name, long version) =>
        new(StatusCode.Unavailable, $"Request for unknown model: '{name}' version {version} is not at ready state");

    private sealed class Entry(IReadOnlyList<ModelStatus> versions)
    {
        public IReadOnlyList<ModelStatus> Versions { get; } = versions;

        public ServedModel? Latest { get; } = versions.LastOrDefault(status => status.Model is not null)?.Model;

        /// <returns>Null for an unknown version.</returns>
        public ModelStatus? Find(long version)
        {
            foreach (ModelStatus status in Versions)
            {
                if (status.Version == version) return status;
            }

            return null;
        }
    }
}
