using Gateway.Core.Caching;
using Gateway.Faster;
using Gateway.TestSupport;
using Microsoft.Extensions.Logging;

namespace Gateway.UnitTests.Caching;

/// <summary>A model without files, with a cache before it.</summary>
internal sealed class CachedModel : IAsyncDisposable
{
    private readonly ModelCacheConfig _config;
    private readonly List<TestModel> _replaced = [];

    public CachedModel(TestModelSetup setup, ModelCacheConfig? config = null, CacheOptions? options = null, UInt128 generation = default, HeldDisk? disk = null, bool isLoadedLate = false)
    {
        _config = config ?? new();
        Model = new TestModel(setup);
        options ??= new CacheOptions { MemoryBytes = 4 << 20 };
        Logger<ResponseCache> logger = new(new LoggerFactory([Log]));
        Cache = disk is null ? FasterResponseCache.Create(options, Model.Pool, setup.Time, logger) : new ResponseCache(options, disk, Model.Pool, setup.Time, logger);
        if (isLoadedLate) Cache.BeginRestore();
        Cache.Open(Model.Model, _config, _ => generation);
    }

    public TestModel Model { get; private set; }

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

    /// <summary>Loads the model anew beside itself, as the repository does.</summary>
    /// <param name="isGood">Whether the new one takes the old one's place; otherwise the load has failed after all.</param>
    public async Task ReloadAsync(TestModelSetup setup, UInt128 generation, bool isGood = true)
    {
        TestModel next = new(setup);
        Cache.Open(next.Model, _config, _ => generation);
        TestModel last = isGood ? Model : next;
        Model = isGood ? next : Model;
        await last.StopAsync(TimeSpan.FromSeconds(10));
        await Cache.CloseAsync(last.Model.Cache!);
        _replaced.Add(last);
    }

    public async ValueTask DisposeAsync()
    {
        await Model.StopAsync(TimeSpan.Zero);
        Cache.Dispose();
        await Model.DisposeAsync();

        // Not before: what the cache keeps for a moment lies in the first one's pool.
        foreach (TestModel model in _replaced) await model.DisposeAsync();
    }
}
