using Gateway.Core.Features;
using Gateway.Core.Features.Configuration;
using Gateway.Core.Memory;
using Microsoft.Extensions.Logging;

namespace Gateway.Faster;

/// <summary>Makes feature views on FASTER.</summary>
public static class FasterFeatureViews
{
    /// <param name="problems">Views that cannot be used, by name.</param>
    /// <param name="directory">Where rows are kept on disk; null keeps them in memory alone.</param>
    /// <param name="mostRowBytes">Bytes of the rows of one request, at most.</param>
    public static FeatureViews Create(
        IReadOnlyList<FeatureViewConfig> configs, IReadOnlyDictionary<string, string> problems, string? directory, BlockPool pool, TimeProvider time, ILogger<FeatureViews> logger, long mostRowBytes = long.MaxValue) =>
        new(configs, problems, new FasterStoreFactory(), directory, pool, time, logger) { MostRowBytes = mostRowBytes };
}
