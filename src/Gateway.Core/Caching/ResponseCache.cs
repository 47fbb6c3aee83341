using System.Text;
using Gateway.Core.Caching.Admission;
using Gateway.Core.Caching.Keys;
using Gateway.Core.Caching.Storage;
using Gateway.Core.Memory;
using Gateway.Core.Models;
using Microsoft.Extensions.Logging;

namespace Gateway.Core.Caching;

/// <summary>The server's cache of answers: one store for all models that want one.</summary>
/// <remarks>
/// <b>Behaviour</b>: nothing is opened before a model asks for it. What goes wrong with the disk costs a warning and what is there, never a request.
/// <b>Threading</b>: any thread. <b>Ownership</b>: owns the store, the writer's thread and the folder; the models are stopped before it is disposed.
/// </remarks>
public sealed partial class ResponseCache : IDisposable
{
    /// <summary>How often an answer has to have been asked for to take the place of older ones in a full cache: what is asked once may never be again.</summary>
    internal const int LeastFrequency = 2;

    // A light model's answer with its header and the store's; larger ones only make the sketch more exact than it need be.
    private const int ExpectedEntryBytes = 256;

    // A key of 64 bits each, so that one that is asked for a thousand times while its renewal waits is renewed once.
    private const int TouchSlots = 4096;

    private readonly CacheOptions _options;
    private readonly IResponseStoreFactory _factory;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly Lock _lock = new();

    // All that are open, the latest last: while a version is loaded anew, the one that is served and the one that may take its place.
    private readonly List<ModelCache> _models = [];
    private readonly ulong[] _touched = new ulong[TouchSlots];
    private Dictionary<ulong, long> _cleared = [];
    private IResponseStore? _store;
    private CacheWriter? _writer;
    private CacheFolder? _folder;
    private CacheSecret? _secret;
    private FrequencySketch? _sketch;
    private CacheRestore? _restore;
    private long _clearedAt;
    private bool _isClosed;

    internal ResponseCache(CacheOptions options, IResponseStoreFactory factory, BlockPool pool, TimeProvider time, ILogger logger)
    {
        _options = options;
        _factory = factory;
        _time = time;
        _logger = logger;
        Pool = pool;
    }

    /// <summary>Null while no model has a cache, and after the end.</summary>
    internal IResponseStore? Store => Volatile.Read(ref _store);

    internal BlockPool Pool { get; }

    internal CacheWriter Writer => _writer!;

    internal FrequencySketch Sketch => _sketch!;

    internal CacheSecret Secret => _secret!;

    /// <summary>Bytes of entries that there is room for.</summary>
    internal long Capacity => _store!.Capacity;

    /// <summary>When all models' answers were last deleted, in milliseconds of Unix time.</summary>
    internal long ClearedAt => Volatile.Read(ref _clearedAt);

    /// <summary>The numbers for metrics; null while no model has a cache.</summary>
    public CacheUsage? Usage()
    {
        lock (_lock)
        {
            return _store is not { } store ? null : new CacheUsage(
                store.Capacity, store.TailAddress - store.BeginAddress, store.TailAddress - store.HeadAddress, store.SpilledBytes, EntriesUnderLock());
        }
    }

    /// <summary>What one model version has in it; null when it has no cache.</summary>
    public static (long Bytes, long Entries)? UsageOf(ServedModel model) => model.Cache is { } cache ? (cache.Ledger.Bytes, cache.Ledger.Entries) : null;

    /// <summary>Gives a model version a cache, before it is served.</summary>
    /// <param name="files">What its answers depend on; digested under the cache's secret.</param>
    internal void Open(ServedModel model, ModelCacheConfig config, Func<AegisMac, UInt128> files)
    {
        if (_options.MemoryBytes == 0)
        {
            Log.Off(_logger, model.Name);
            return;
        }

        if (model.Batcher.Policy.PreservesOrdering)
        {
            Log.Ordered(_logger, model.Name);
            return;
        }

        lock (_lock)
        {
            if (_isClosed) return;
            if (_store is null) OpenStore();
        }

        UInt128 generation = files(Secret.ForFiles);
        ulong id = IdOf(model.Name, model.Version);
        ModelCache cache;
        lock (_lock)
        {
            cache = new ModelCache(this, model, id, generation, config, _models.FindLast(other => other.Id == id), _time) { ClearedAt = _cleared.GetValueOrDefault(id) };
            _models.Add(cache);
        }

        model.Cache = cache;
    }

    /// <summary>A model version is served no more.</summary>
    internal async ValueTask CloseAsync(ModelCache cache)
    {
        lock (_lock) _models.Remove(cache);
        await cache.DisposeAsync().ConfigureAwait(false);
    }

    /// <summary>Deletes the answers of a model's versions, or of all models. None that was made before is used after this returns.</summary>
    /// <param name="model">Null for all.</param>
    /// <param name="version">0 for all that are served.</param>
    /// <returns>About how many answers that were; null when no such model has a cache.</returns>
    public long? Clear(string? model = null, long version = 0)
    {
        long now = _time.GetUtcNow().ToUnixTimeMilliseconds();
        long entries = 0;
        bool isFound = model is null;
        lock (_lock)
        {
            if (_store is null) return model is null ? 0 : null;
            foreach (ModelCache cache in _models)
            {
                if (model is not null && (cache.Name != model || (version != 0 && cache.Version != version))) continue;
                isFound = true;
                entries += cache.Ledger.Entries;
                cache.ClearedAt = now;
                Writer.Post(new WriteItem(cache, default, default, null, null, -1, null));
                if (model is not null) _cleared[cache.Id] = now;
            }

            if (model is null)
            {
                Volatile.Write(ref _clearedAt, now);
                _cleared.Clear();
                _cleared[0] = now;
            }

            if (isFound) WriteCleared();
        }

        return isFound ? entries : null;
    }

    /// <summary>Begins to take over what earlier lives left on disk; to be called once the models are loaded.</summary>
    public void BeginRestore()
    {
        lock (_lock)
        {
            if (_folder is not { OldLogs.Count: > 0 } folder || _restore is not null || _isClosed) return;
            _restore = new CacheRestore(this, folder, _logger);
        }
    }

    /// <summary>Completes when what earlier lives left has been taken over.</summary>
    public Task Restored => _restore?.Done ?? Task.CompletedTask;

    /// <summary>Completes when all that was answered before is in the store, and on its disk if it has one.</summary>
    internal Task FlushAsync() => _writer?.FlushAsync() ?? Task.CompletedTask;

    /// <summary>Whether an entry of earlier lives may still be used.</summary>
    internal bool IsWanted(in Entries.EntryHeader header, out ModelCache? model)
    {
        model = null;
        lock (_lock)
        {
            bool isServed = false;
            foreach (ModelCache cache in _models)
            {
                if (cache.Id != header.Model) continue;
                isServed = true;
                if (cache.Generation == header.Generation) model = cache;
            }

            return isServed == model is not null && header.Created > ClearedAt && header.Created > _cleared.GetValueOrDefault(header.Model);
        }
    }

    /// <summary>Makes an entry that is used and old the latest again.</summary>
    internal void Touch(ModelCache model, CacheKey key, in StoredEntry entry)
    {
        ref ulong slot = ref _touched[(int)(key.Bits >> 20) & (TouchSlots - 1)];
        if (slot == key.Bits || !Writer.TryReserve(entry.Bytes)) return;
        slot = key.Bits;
        entry.Block.AddReference();
        Writer.Post(new WriteItem(model, key, entry, null, null, entry.Address, null));
    }

    /// <summary>The store keeps nothing before an address any more.</summary>
    internal void AdvanceLedgers(long begin)
    {
        lock (_lock)
        {
            foreach (ModelCache model in _models)
            {
                long gone = model.Ledger.Advance(begin);
                if (gone > 0) model.Counts.CountEvictions(gone);
            }
        }
    }

    /// <summary>What a model version is called in entries.</summary>
    internal ulong IdOf(string model, long version) => CacheSecret.Short(Secret.ForKeys, Encoding.UTF8.GetBytes($"{version}/{model}")) | 1;

    public void Dispose()
    {
        CacheRestore? restore;
        IResponseStore? store;
        lock (_lock)
        {
            if (_isClosed) return;
            _isClosed = true;
            restore = _restore;
            store = _store;
        }

        restore?.Dispose();
        if (store is null) return;
        Volatile.Write(ref _store, null);
        _writer!.Dispose();
        store.Flush(wait: true);
        store.Dispose();
        _folder?.Dispose();
    }

    private long EntriesUnderLock()
    {
        long entries = 0;
        for (int i = 0; i < _models.Count; i++)
        {
            // Two loads of the same files have one ledger.
            if (_models.FindIndex(other => other.Ledger == _models[i].Ledger) == i) entries += _models[i].Ledger.Entries;
        }

        return entries;
    }

    private void OpenStore()
    {
        if (_options.Directory is { } directory) TryTake(directory);
        _secret = _folder?.Secret ?? CacheSecret.Random();
        IResponseStore store = _factory.Open(new StoreContext(_options.MemoryBytes, _folder?.Log, _options.DiskBytes, _secret, Pool, reason => Log.DiskFailed(_logger, _options.Directory!, reason)));
        _sketch = new FrequencySketch(store.Capacity / ExpectedEntryBytes);
        _writer = new CacheWriter(this, store, _secret);
        Volatile.Write(ref _store, store);
        Log.Opened(_logger, store.MemoryBytes >> 20, _folder is null ? "and nothing on disk" : $"and {_options.DiskBytes >> 20} MiB in {_options.Directory}");
    }

    private void TryTake(string directory)
    {
        try
        {
            _folder = new CacheFolder(directory);
            _cleared = _folder.ReadCleared();
        }
        catch (InvalidDataException error)
        {
            // What was deleted must not come back: all that is there counts as deleted.
            _cleared = new Dictionary<ulong, long> { [0] = _time.GetUtcNow().ToUnixTimeMilliseconds() };
            Log.NotTaken(_logger, directory, error.Message);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            Log.NoFolder(_logger, directory, error.Message);
        }

        _clearedAt = _cleared.GetValueOrDefault(0UL);
    }

    private void WriteCleared()
    {
        try
        {
            _folder?.WriteCleared(_cleared);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            Log.NotWritten(_logger, _options.Directory!, error.Message);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(7000, LogLevel.Information, "The response cache has {MebiBytes} MiB of memory {Disk}", EventName = "CacheOpened")]
        public static partial void Opened(ILogger logger, long mebiBytes, string disk);

        [LoggerMessage(7001, LogLevel.Warning, "The response cache keeps answers in memory alone: {Directory} cannot be used: {Reason}", EventName = "CacheFolderUnusable")]
        public static partial void NoFolder(ILogger logger, string directory, string reason);

        [LoggerMessage(7002, LogLevel.Warning, "The response cache goes on in memory alone: writing to {Directory} failed: {Reason}", EventName = "CacheDiskFailed")]
        public static partial void DiskFailed(ILogger logger, string directory, string reason);

        [LoggerMessage(7003, LogLevel.Warning, "What the response cache in {Directory} had kept is set aside: {Reason}", EventName = "CacheSetAside")]
        public static partial void NotTaken(ILogger logger, string directory, string reason);

        [LoggerMessage(7004, LogLevel.Warning, "A deletion from the response cache could not be written to {Directory}, so what was deleted may come back after a restart: {Reason}", EventName = "CacheClearNotWritten")]
        public static partial void NotWritten(ILogger logger, string directory, string reason);

        [LoggerMessage(7005, LogLevel.Warning, "Model {Model} asks for a response cache, and the server's has no memory", EventName = "CacheOff")]
        public static partial void Off(ILogger logger, string model);

        [LoggerMessage(7006, LogLevel.Warning, "Model {Model} asks for a response cache and for preserve_ordering: it has no cache, whose answers would overtake others", EventName = "CacheUnordered")]
        public static partial void Ordered(ILogger logger, string model);
    }
}
