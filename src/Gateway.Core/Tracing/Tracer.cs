using System.Collections.Frozen;
using Gateway.Core.Models;
using Gateway.Core.Requests;
using Gateway.Protocol;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Gateway.Core.Tracing;

/// <summary>Decides which requests are traced, by settings that may change while the server runs: general ones, and each model's own where it has any.</summary>
/// <remarks>
/// <b>Behaviour</b>: as in Triton, what is cleared for a model is the general setting again, and what is cleared of those is what the server began with. <b>Threading</b>: any;
/// requests read one immutable snapshot. <b>Cost</b>: one read a request while nothing is traced.
/// </remarks>
public sealed class Tracer : IAsyncDisposable
{
    private const string NotThere = "trace file location can not be updated through network protocol";

    // Names that calls may bring: models with settings of their own, and files.
    private const int MostModels = 1024;
    private const int MostFiles = 64;
    private const int MostFileName = 128;

    private readonly Lock _lock = new();
    private readonly TraceConfig _startup;
    private readonly string? _directory;
    private readonly TimeProvider _time;
    private readonly TraceWriter _writer;
    private readonly HashSet<string> _files = new(StringComparer.Ordinal);
    private volatile Settings _settings;
    private long _lastId;

    /// <param name="startup">The general settings to begin with.</param>
    /// <param name="directory">Full path of the folder within which calls may name files; null where they may not.</param>
    public Tracer(TraceConfig startup, string? directory, TimeProvider time, ILogger? logger = null)
    {
        _directory = directory;
        _time = time;
        _startup = directory is not null && startup.File.Length == 0 ? startup with { File = Path.Combine(directory, "trace.json") } : startup;
        _writer = new TraceWriter(logger ?? NullLogger.Instance, time.TimestampFrequency);
        _settings = new Settings(new TraceSetting(TraceOverrides.None, _startup), FrozenDictionary<string, TraceSetting>.Empty);
    }

    /// <summary>Whether any request is traced.</summary>
    public bool IsOn => _settings.IsOn;

    /// <summary>Traces that lie in files.</summary>
    public long Written => _writer.Written;

    /// <summary>Traces that were made and could not be written.</summary>
    public long Dropped => _writer.Dropped;

    internal long Now => _time.GetTimestamp();

    /// <summary>The settings in force.</summary>
    /// <param name="model">Null for the general ones.</param>
    public TraceConfig Get(string? model) => _settings.Of(model).Config;

    /// <summary>Changes a model's settings, or the general ones.</summary>
    /// <param name="model">As above.</param>
    /// <returns>The settings in force.</returns>
    /// <exception cref="InferenceException">They would be wrong; nothing has been changed.</exception>
    public TraceConfig Change(string? model, TraceOverrides given, TraceFields cleared)
    {
        lock (_lock)
        {
            Settings now = _settings;
            Dictionary<string, TraceSetting> models = new(now.Models, StringComparer.Ordinal);
            TraceSetting general = now.General;
            if (model is null)
            {
                general = Make(general.Given.With(given, cleared), _startup);

                // Where they say nothing themselves, models go with it.
                foreach ((string name, TraceSetting own) in now.Models) models[name] = Make(own.Given, general.Config);
            }
            else
            {
                TraceOverrides own = (now.Models.GetValueOrDefault(model)?.Given ?? TraceOverrides.None).With(given, cleared);
                if (own == TraceOverrides.None) models.Remove(model);
                else models[model] = Make(own, general.Config);
                if (models.Count > MostModels) throw new InferenceException(StatusCode.ResourceExhausted, $"more than {MostModels} models have trace settings of their own");
            }

            _settings = new Settings(general, models.ToFrozenDictionary(StringComparer.Ordinal));
            return Get(model);
        }
    }

    /// <summary>The file that a call names: within the folder that it may have files in.</summary>
    /// <returns>Its full path.</returns>
    /// <exception cref="InferenceException">It may not be written.</exception>
    public string FileOf(string name)
    {
        if (_startup.File.Length > 0 && name == _startup.File) return name;
        if (_directory is null) throw new InferenceException(StatusCode.Unsupported, NotThere);
        string within = name.StartsWith(_directory + Path.DirectorySeparatorChar, StringComparison.Ordinal) ? name[(_directory.Length + 1)..] : name;
        if (within.Length is 0 or > MostFileName || within[0] == '.' || within.Any(static each => !char.IsAsciiLetterOrDigit(each) && each is not ('.' or '-' or '_')))
        {
            throw new InferenceException(StatusCode.InvalidArgument, "'trace_file' must be the name of a file in the folder for traces: letters, digits, '.', '-' and '_'");
        }

        string path = Path.Combine(_directory, within);
        lock (_lock)
        {
            if (!_files.Contains(path) && _files.Count == MostFiles) throw new InferenceException(StatusCode.ResourceExhausted, $"more than {MostFiles} trace files have been named");
            _files.Add(path);
        }

        return path;
    }

    /// <summary>Begins the trace of a request that has just been lent, if it is one that is traced; <see cref="ModelCatalog.RentRequest"/> has done so.</summary>
    public void Begin(InferenceRequest request)
    {
        if (IsOn) BeginSlow(request);
    }

    private void BeginSlow(InferenceRequest request)
    {
        ServedModel model = request.Model;
        TraceSetting setting = _settings.Of(model.Name);
        if (setting.Takes()) request.Trace = new RequestTrace(this, Interlocked.Increment(ref _lastId), setting.Config, model.Name, model.Version, Now);
    }

    internal void Write(RequestTrace trace) => _writer.Write(trace);

    /// <summary>Writes what waits to be written.</summary>
    public ValueTask DisposeAsync() => _writer.DisposeAsync();

    private static TraceSetting Make(TraceOverrides given, TraceConfig general)
    {
        TraceConfig config = given.Over(general);
        if (config.Problem is { } problem) throw new InferenceException(StatusCode.InvalidArgument, $"Attempting to set invalid trace setting :{problem}");
        return new TraceSetting(given, config);
    }

    private sealed record Settings(TraceSetting General, FrozenDictionary<string, TraceSetting> Models)
    {
        public bool IsOn { get; } = General.IsOn || Models.Values.Any(static each => each.IsOn);

        public TraceSetting Of(string? model) => model is not null && Models.TryGetValue(model, out TraceSetting? own) ? own : General;
    }
}
