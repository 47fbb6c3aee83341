using System.Text;
using Gateway.Core.Caching.Admission;
using Gateway.Core.Caching.Keys;
using Gateway.Core.Caching.Storage;
using Gateway.Core.Memory;
using Gateway.Core.Models;
using Gateway.Protocol;
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

    // A sketch has eight bytes for an entry: an eighth of the memory at most, beside it.
    private const int SketchShare = 64;

    // What the store keeps of each besides.
    private const int EntryOverheadBytes = 32;

    // A key of 64 bits each, so that one that is asked for a thousand times while its renewal waits is renewed once.
    private const int TouchSlots = 4096;

    // A disk that gives nothing at all for so long is not asked any more.
    private static readonly TimeSpan MostSilence = TimeSpan.FromSeconds(5);

    // A disk that hangs in a write does not keep the process from ending.
    private static readonly TimeSpan PatienceAtTheEnd = TimeSpan.FromSeconds(5);

    // Where no read is late.
    private const long InTime = long.MinValue;

    private readonly CacheOptions _options;
    private readonly IResponseStoreFactory _factory;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly Lock _lock = new();
    private readonly Lock _clearing = new();

    // All that are open, the latest last: while a version is loaded anew, the one that is served and the one that may take its place.
    private readonly List<ModelCache> _models = [];
    private readonly ulong[] _touched = new ulong[TouchSlots];

    // Which models' answers this life has deleted, 0 for all; and when they last were, in lives before too.
    private readonly HashSet<ulong> _clearedHere = [];
    private Dictionary<ulong, long> _cleared = [];
    private IResponseStore? _store;
    private CacheWriter? _writer;
    private CacheFolder? _folder;
    private CacheSecret? _secret;
    private FrequencySketch? _sketch;
    private CacheRestore? _restore;
    private long _clearedAt;
    private long _latestCreated;
    private long _lateSince = InTime;
    private bool _isToRestore;
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

    /// <summary>How long its end waits for the disk, twice at most.</summary>
    internal TimeSpan Patience { get; set; } = PatienceAtTheEnd;

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

    /// <summary>What one model version has in it, and how much of that is on disk alone; null when it has no cache.</summary>
    public static (long Bytes, long Entries, long DiskBytes)? UsageOf(ServedModel model) =>
        model.Cache is { } cache ? (cache.Ledger.Bytes, cache.Ledger.Entries, cache.Ledger.DiskBytes) : null;

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
            // What earlier lives deleted is not taken over.
            long cleared = IsClearedHereUnderLock(id) ? Math.Max(_cleared.GetValueOrDefault(id), ClearedAt) : 0;
            ModelCache? predecessor = _models.FindLast(other => other.Id == id);
            cache = new ModelCache(this, model, id, generation, config, cleared, predecessor, _time);
            _models.Add(cache);

            // What lies ahead of the clock, which has been set back, is told from what is made from here on by where it lies.
            if (cleared > Now() && cache.Validity != predecessor?.Validity) Void(cache);
        }

        model.Cache = cache;
        if (_isToRestore) BeginRestore();
    }

    /// <summary>A model version is served no more.</summary>
    internal async ValueTask CloseAsync(ModelCache cache)
    {
        lock (_lock) _models.Remove(cache);
        if (Store is not null) Writer.Post(default);
        await cache.DisposeAsync().ConfigureAwait(false);
    }

    /// <summary>Deletes the answers of a model's versions, or of all models. None that was made before is used after this returns, by later lives either.</summary>
    /// <param name="model">Null for all.</param>
    /// <param name="version">0 for all that are served, or were when what is on disk was written.</param>
    /// <param name="unloaded">Versions of the model that are not served: what they have would come back with them.</param>
    /// <returns>About how many answers that were; null when there is no such model with a cache.</returns>
    /// <exception cref="InferenceException">They are deleted, and it could not be written down.</exception>
    public long? Clear(string? model = null, long version = 0, IEnumerable<long>? unloaded = null)
    {
        long now = Now();
        long entries = 0;
        lock (_lock)
        {
            // What earlier lives kept is deleted too, though no model has asked for it yet.
            if (_store is null && !TryTakeFolder()) return model is null ? 0 : null;
            List<ulong> ids = [];
            List<ModelCache> caches = [];
            foreach (ModelCache cache in _models)
            {
                if (model is not null && (cache.Name != model || (version != 0 && cache.Version != version))) continue;
                entries += cache.Ledger.Entries;
                cache.Clear(now);
                Void(cache);
                ids.Add(cache.Id);
                caches.Add(cache);
            }

            foreach (long other in unloaded ?? [])
            {
                if (version == 0 || version == other) ids.Add(IdOf(model!, other));
            }

            if (model is not null && ids.Count == 0) return null;

            // What was made before the clock was set back lies ahead of it. Asked only now: an entry that the writer has let in is counted in it, and one that comes to the writer after this is not kept.
            long latest = Math.Max(now, Volatile.Read(ref _latestCreated));
            if (model is null)
            {
                ids = [0];
                latest = Math.Max(latest, _cleared.Values.DefaultIfEmpty().Max());
                _cleared.Clear();
                Volatile.Write(ref _clearedAt, latest);
            }

            foreach (ModelCache cache in caches) cache.Validity.HideUntil(latest);
            foreach (ulong id in ids)
            {
                _cleared[id] = Math.Max(latest, _cleared.GetValueOrDefault(id));
                _clearedHere.Add(id);
            }
        }

        WriteCleared();
        return entries;
    }

    /// <summary>Begins to take over what earlier lives left on disk; to be called once the models are loaded. If none of them has a cache, it begins with the first one that has.</summary>
    public void BeginRestore()
    {
        lock (_lock)
        {
            _isToRestore = true;
            if (_store is null || _folder is not { OldLogs.Count: > 0 } folder || _restore is not null || _isClosed) return;
            _restore = new CacheRestore(this, folder, _options.DiskBytes, _logger);
        }
    }

    /// <summary>Completes when what earlier lives left has been taken over.</summary>
    public Task Restored => _restore?.Done ?? Task.CompletedTask;

    /// <summary>Completes when all that was answered before is in the store, and on its disk if it has one.</summary>
    internal Task FlushAsync() => _writer?.FlushAsync() ?? Task.CompletedTask;

    /// <summary>The writer is about to see whether an entry is to be kept: either it finds that all has been deleted since, or the deletion counts the entry as one of before.</summary>
    internal void NoteCreated(long created)
    {
        if (created > _latestCreated) Interlocked.Exchange(ref _latestCreated, created);
    }

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

            if (model?.Validity.IsOver(header, Now()) == true) return false;
            if (IsClearedHereUnderLock(header.Model)) return false;
            return isServed == model is not null && header.Created > ClearedAt && header.Created > _cleared.GetValueOrDefault(header.Model);
        }
    }

    /// <summary>Makes an entry that is used and old the latest again.</summary>
    internal void Touch(ModelCache model, CacheKey key, in StoredEntry entry)
    {
        // Where it lies is in it: what is made the latest grows old again.
        ulong bits = key.Bits ^ ((ulong)entry.Address * 0x9E37_79B9_7F4A_7C15);
        ref ulong slot = ref _touched[(int)(key.Bits >> 20) & (TouchSlots - 1)];
        if (slot == bits || !Writer.TryReserve(entry.Bytes)) return;
        slot = bits;
        entry.Block.AddReference();
        Writer.Post(new WriteItem(model, key, entry, null, null, new OldEntry(entry.Address, entry.Bytes), null));
    }

    /// <summary>The disk has answered, however late.</summary>
    internal void DiskHasAnswered()
    {
        if (Volatile.Read(ref _lateSince) != InTime) Volatile.Write(ref _lateSince, InTime);
    }

    /// <summary>A read of the disk takes too long.</summary>
    /// <param name="now">A timestamp.</param>
    internal void DiskIsLate(long now) => Interlocked.CompareExchange(ref _lateSince, now, InTime);

    /// <summary>Gives the disk up if it has answered nothing for long.</summary>
    /// <returns>When to ask again; <see cref="Scheduling.QueueEntry.NoDeadline"/> while no read is late.</returns>
    internal long WatchDisk(long now)
    {
        long since = Volatile.Read(ref _lateSince);
        if (since == InTime) return Scheduling.QueueEntry.NoDeadline;
        long end = since + (long)(MostSilence.TotalSeconds * _time.TimestampFrequency);
        if (now < end) return end;
        Store?.GiveUpDisk($"it has answered nothing for {MostSilence.TotalSeconds:0} seconds");
        Volatile.Write(ref _lateSince, InTime);
        return Scheduling.QueueEntry.NoDeadline;
    }

    /// <summary>Bytes in the store that are of use.</summary>
    internal long LiveBytes()
    {
        lock (_lock)
        {
            long bytes = 0;
            for (int i = 0; i < _models.Count; i++)
            {
                ModelLedger ledger = _models[i].Ledger;
                if (_models.FindIndex(other => other.Ledger == ledger) == i) bytes += ledger.Bytes + (ledger.Entries * EntryOverheadBytes);
            }

            return bytes;
        }
    }

    /// <summary>The store keeps nothing before an address any more, and what is before another is not in memory.</summary>
    internal void AdvanceLedgers(long begin, long head)
    {
        long now = Now();
        lock (_lock)
        {
            foreach (ModelCache model in _models)
            {
                long gone = model.Ledger.Advance(begin, head, model.Validity.OverUntil(now));
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

        bool hasEnded = restore?.TryEnd(Patience) ?? true;
        Volatile.Write(ref _store, null);
        if (_writer is not null && !_writer.TryEnd(Patience)) hasEnded = false;
        if (!hasEnded)
        {
            // What hangs uses it all.
            Log.Hung(_logger, _options.Directory ?? "");
            return;
        }

        store?.Dispose();
        _folder?.Dispose();
    }

    private long Now() => _time.GetUtcNow().ToUnixTimeMilliseconds();

    /// <summary>Has what a model has in the log so far be of no use, once the writer gets there.</summary>
    private void Void(ModelCache cache) => Writer.Post(new WriteItem(cache, default, default, null, null, OldEntry.None, null, cache.Validity.Clears));

    /// <summary>Whether all that earlier lives have left of a model version was deleted in this one.</summary>
    private bool IsClearedHereUnderLock(ulong id) => _clearedHere.Contains(id) || _clearedHere.Contains(0);

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
        TryTakeFolder();
        _secret ??= CacheSecret.Random();
        IResponseStore store = _factory.Open(new StoreContext(_options.MemoryBytes, _folder?.Log, _options.DiskBytes, _secret, Pool, reason => Log.DiskFailed(_logger, _options.Directory!, reason)));
        _sketch = new FrequencySketch(Math.Min(store.Capacity / ExpectedEntryBytes, store.MemoryBytes / SketchShare));
        _writer = new CacheWriter(this, store, _secret, _time);
        Volatile.Write(ref _store, store);
        Log.Opened(_logger, store.MemoryBytes >> 20, _folder is null ? "and nothing on disk" : $"and {_options.DiskBytes >> 20} MiB in {_options.Directory}");
    }

    /// <summary>Takes the folder, unless it has been taken, or found to be of no use.</summary>
    /// <returns>Whether one was asked for.</returns>
    private bool TryTakeFolder()
    {
        if (_options.Directory is not { } directory) return false;
        if (_secret is not null) return true;
        if (_isClosed) return false;
        try
        {
            _folder = new CacheFolder(directory);
            if (_folder.SetAside is { } aside) Log.SetAside(_logger, aside);
            ReadCleared(_folder, directory);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            // What cannot be read now may be later: it is left as it is.
            _folder?.Dispose();
            _folder = null;
            Log.NoFolder(_logger, directory, error.Message);
        }

        _secret = _folder?.Secret ?? CacheSecret.Random();
        return true;
    }

    private void ReadCleared(CacheFolder folder, string directory)
    {
        try
        {
            _cleared = folder.ReadCleared();
        }
        catch (InvalidDataException error)
        {
            // What was deleted must not come back: all that is there counts as deleted.
            _cleared = new Dictionary<ulong, long> { [0] = Now() };
            _clearedHere.Add(0);
            Log.NotTaken(_logger, directory, error.Message);
            WriteClearedOnce(folder, directory);
        }

        _clearedAt = _cleared.GetValueOrDefault(0UL);
    }

    /// <summary>So that the next life does not have to take everything for deleted as well.</summary>
    private void WriteClearedOnce(CacheFolder folder, string directory)
    {
        try
        {
            folder.WriteCleared(_cleared);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            Log.NotWritten(_logger, directory, error.Message);
        }
    }

    private void WriteCleared()
    {
        if (_options.Directory is not { } directory) return;
        try
        {
            if (_folder is not { } folder) throw new IOException("the folder cannot be used");

            // One after the other, and all that was deleted by then; the disk holds up nobody who only wants to know what there is.
            lock (_clearing)
            {
                Dictionary<ulong, long> cleared;
                lock (_lock) cleared = new Dictionary<ulong, long>(_cleared);
                WriteCleared(folder, directory, cleared);
            }
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            Log.NotWritten(_logger, directory, error.Message);
            throw new InferenceException(StatusCode.Unavailable, $"the answers are deleted, but that could not be written to the cache's disk: they may come back after a restart ({error.Message})");
        }
    }

    /// <summary>Writes down what was deleted; where there is no room for that, that nothing is to be believed.</summary>
    private void WriteCleared(CacheFolder folder, string directory, Dictionary<ulong, long> cleared)
    {
        try
        {
            folder.WriteCleared(cleared);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            folder.DisbelieveAll();
            Log.NothingBelieved(_logger, directory, error.Message);
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

        [LoggerMessage(7009, LogLevel.Warning, "A deletion from the response cache could not be written to {Directory}, so nothing that is kept there will be used after a restart, unless a later deletion can be: {Reason}", EventName = "CacheDisbelieved")]
        public static partial void NothingBelieved(ILogger logger, string directory, string reason);

        [LoggerMessage(7005, LogLevel.Warning, "Model {Model} asks for a response cache, and the server's has no memory", EventName = "CacheOff")]
        public static partial void Off(ILogger logger, string model);

        [LoggerMessage(7008, LogLevel.Warning, "The response cache is left as it is: its disk hangs, and {Directory} keeps what was written until then", EventName = "CacheHung")]
        public static partial void Hung(ILogger logger, string directory);

        [LoggerMessage(7007, LogLevel.Warning, "What the response cache had kept cannot be read, since its secret was lost, and has been moved to {Folder}", EventName = "CacheMovedAside")]
        public static partial void SetAside(ILogger logger, string folder);

        [LoggerMessage(7006, LogLevel.Warning, "Model {Model} asks for a response cache and for preserve_ordering: it has no cache, whose answers would overtake others", EventName = "CacheUnordered")]
        public static partial void Ordered(ILogger logger, string model);
    }
}
