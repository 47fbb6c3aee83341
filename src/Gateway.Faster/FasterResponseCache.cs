using Gateway.Core.Caching;
using Gateway.Core.Caching.Storage;
using Gateway.Core.Memory;
using Microsoft.Extensions.Logging;

namespace Gateway.Faster;

/// <summary>Makes a response cache on FASTER.</summary>
public static class FasterResponseCache
{
    public static ResponseCache Create(CacheOptions options, BlockPool pool, TimeProvider time, ILogger<ResponseCache> logger) =>
        new(options, new Factory(), pool, time, logger);

    private sealed class Factory : IResponseStoreFactory
    {
        public IResponseStore Open(StoreContext context) => new FasterStore(context);
    }
}
