using Gateway.Core.Caching;
using Gateway.Faster;
using Gateway.TestSupport;
using Microsoft.Extensions.Logging;

namespace Gateway.UnitTests.Caching;

/// <summary>A model without files, with a cache before it.</summary>
internal sealed class CachedModel : IAsyncDisposable
{
    public CachedModel(TestModelSetup setup, ModelCacheConfig? config = null, CacheOptions? options = null, UInt128 generation = default)
    {
        Model = new TestModel(setup);
        Cache = FasterResponseCache.Create(options ?? new CacheOptions { MemoryBytes = 4 << 20 }, Model.Pool, setup.Time, new Logger<ResponseCache>(new LoggerFactory([Log])));
        Cache.Open(Model.Model, config ?? new(), _ => generation);
    }

    public TestModel Model { get; }

    public ResponseCache Cache { get; }

    public CollectedLog Log { get; } = new();

    public CacheCounts Counts => Model.Model.CacheCounts!.Snapshot();

    public Sent Send(CacheUse use, params ReadOnlySpan<long> values)
    {
        var request = Model.Request(values);
        request.CacheUse = use;
        return Model.Send(request);
    }

    public Sent Send(params ReadOnlySpan<long> values) => Send(CacheUse.Ordinary, values);

    public async ValueTask DisposeAsync()
    {
        await Model.StopAsync(TimeSpan.Zero);
        Cache.Dispose();
        await Model.DisposeAsync();
    }
}
