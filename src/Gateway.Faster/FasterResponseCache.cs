using Gateway.Core.Caching;
using Gateway.Core.Memory;
using Microsoft.Extensions.Logging;

namespace Gateway.Faster;

/// <summary>Makes a response cache on FASTER.</summary>
public static class FasterResponseCache
{
    public static ResponseCache Create(CacheOptions options, BlockPool pool, TimeProvider time, ILogger<ResponseCache> logger) =>
        new(options, new FasterStoreFactory(), pool, time, logger);
}
