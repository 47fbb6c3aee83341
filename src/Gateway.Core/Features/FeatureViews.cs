using Gateway.Core.Caching.Storage;
using Gateway.Core.Features.Configuration;
using Gateway.Core.Features.Lookups;
using Gateway.Core.Memory;
using Gateway.Protocol;
using Microsoft.Extensions.Logging;

namespace Gateway.Core.Features;

/// <summary>The server's feature views, by name.</summary>
/// <remarks><b>Threading</b>: any; which views there are does not change. <b>Ownership</b>: owns them.</remarks>
public sealed class FeatureViews : IDisposable
{
    private readonly Dictionary<string, FeatureView> _views = new(StringComparer.Ordinal);
    private readonly Dictionary<string, FeatureView>.AlternateLookup<ReadOnlySpan<char>> _byLetters;

    /// <param name="problems">Views that cannot be used, by name.</param>
    /// <param name="directory">Where rows are kept on disk; null keeps them in memory alone.</param>
    internal FeatureViews(
        IReadOnlyList<FeatureViewConfig> configs, IReadOnlyDictionary<string, string> problems, IResponseStoreFactory factory, string? directory, BlockPool pool, TimeProvider time, ILogger logger)
    {
        Times = new FillTimes(time);
        foreach (FeatureViewConfig config in configs) _views[config.Name] = new FeatureView(config, factory, directory, pool, time, logger) { Times = Times };
        foreach ((string name, string problem) in problems) _views[name] = new FeatureView(name, problem, time, logger) { Times = Times };
        _byLetters = _views.GetAlternateLookup<ReadOnlySpan<char>>();
        Pool = pool;
        All = [.. _views.Values.OrderBy(view => view.Name, StringComparer.Ordinal)];
    }

    /// <summary>All of them, by name.</summary>
    public IReadOnlyList<FeatureView> All { get; }

    /// <summary>Where the rows that are filled in lie.</summary>
    internal BlockPool Pool { get; }

    /// <summary>Bytes of the rows of one request, at most.</summary>
    internal long MostRowBytes { get; init; } = long.MaxValue;

    /// <summary>Looks after requests that wait for a disk.</summary>
    internal FillTimes Times { get; }

    /// <exception cref="InferenceException">There is none of that name.</exception>
    public FeatureView Find(ReadOnlySpan<char> name) => _byLetters.TryGetValue(name, out FeatureView? view) ? view : throw Unknown(name);

    /// <summary>Likewise, by its name in UTF-8.</summary>
    public FeatureView Find(ReadOnlySpan<byte> name)
    {
        Span<char> letters = stackalloc char[128];
        if (name.Length > letters.Length) throw Unknown(System.Text.Encoding.UTF8.GetString(name[..letters.Length]) + "…");
        return Find(letters[..System.Text.Encoding.UTF8.GetChars(name, letters)]);
    }

    public void Dispose()
    {
        Times.Dispose();
        foreach (FeatureView view in All) view.Dispose();
    }

    /// <summary>What a request is told that names a view.</summary>
    public static InferenceException Unknown(ReadOnlySpan<char> name) => new(StatusCode.NotFound, $"Unable to find feature view: '{name}'");
}
