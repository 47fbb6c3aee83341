using System.Collections.Concurrent;
using Gateway.Core.Caching.Entries;
using Gateway.Core.Caching.Keys;
using Gateway.Core.Caching.Storage;
using Gateway.Core.Features.Configuration;
using Gateway.Core.Features.Lookups;
using Gateway.Core.Features.Storage;
using Gateway.Core.Memory;
using Gateway.Protocol;
using Microsoft.Extensions.Logging;

namespace Gateway.Core.Features;

/// <summary>A named feature view: a tensor row for each entity key, in memory and on disk.</summary>
/// <remarks>
/// <b>Behaviour</b>: a row that was put is there until it is replaced, deleted or its time is over; when there is no room, puts are refused. What cannot be read is an error, never a missing row.
/// <b>Threading</b>: any thread. <b>Ownership</b>: owns its store, its writer's thread and its folder; nothing may look up any more when it is disposed.
/// <b>Cost</b>: a look-up in memory is a digest of the key, a hash bucket and a copy of the row; no allocation.
/// </remarks>
public sealed partial class FeatureView : IDisposable
{
    /// <summary>Longest key, in bytes.</summary>
    public const int MostKeyBytes = FeatureKeys.MostKeyBytes;

    /// <summary>A disk that gives nothing at all for so long is not waited for.</summary>
    internal static readonly TimeSpan MostSilence = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan LoadingWait = TimeSpan.FromSeconds(1);

    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly ConcurrentQueue<IThreadPoolWorkItem> _parked = new();
    private readonly TaskCompletionSource _restored = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly FeatureFolder? _folder;
    private readonly IResponseStore? _store;
    private readonly FeatureWriter? _writer;
    private readonly FeatureKeys? _keys;
    private readonly CacheSecret? _secret;
    private readonly long _logBytes;
    private volatile string? _problem;
    private long _clearedAt;
    private long _rows;
    private int _reading;
    private long _lastAnswer;
    private volatile bool _isStuck;
    private volatile bool _isLoaded;
    private volatile bool _hasLost;
    private volatile int _losses;
    private int _lossesBeforeLoad;
    private volatile bool _isClosed;

    /// <summary>A view that cannot be used.</summary>
    internal FeatureView(string name, string problem, TimeProvider time, ILogger logger)
    {
        Config = new FeatureViewConfig { Name = name };
        _time = time;
        _logger = logger;
        Fail(problem);
        _restored.SetResult();
    }

    /// <param name="directory">Where the views are kept on disk; null keeps this one in memory alone.</param>
    internal FeatureView(FeatureViewConfig config, IResponseStoreFactory factory, string? directory, BlockPool pool, TimeProvider time, ILogger logger)
    {
        Config = config;
        _time = time;
        _logger = logger;
        _logBytes = RowEntry.LogBytes(config.RowBytes);
        try
        {
            if (directory is not null) _folder = new FeatureFolder(Path.Combine(directory, config.Name), config.Kind);
            if (_folder?.SetAside is { } aside) Log.SetAside(logger, Name, config.Kind, aside);
            _clearedAt = _folder?.ClearedAt ?? 0;
            _hasLost = _folder?.HasLost ?? false;
            if (_hasLost) Log.Lost(_logger, Name);
            _secret = _folder?.Secret ?? CacheSecret.Random();
            _keys = new FeatureKeys(_secret);
            _store = factory.Open(new StoreContext(config.MemoryBytes, _folder?.Log, config.DiskBytes, _secret, pool, reason => Log.DiskFailed(_logger, Name, reason), KeepsAll: true));
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or InvalidDataException)
        {
            _folder?.Dispose();
            Fail(error.Message);
            _restored.SetResult();
            return;
        }

        _writer = new FeatureWriter(this, _store, _secret);
    }

    public FeatureViewConfig Config { get; }

    public string Name => Config.Name;

    public FeatureCounts Counts { get; } = new();

    public FeatureViewState State => _problem is not null ? FeatureViewState.Unavailable : _isLoaded ? FeatureViewState.Ready : FeatureViewState.Loading;

    /// <summary>Why it cannot be used; null when it can.</summary>
    public string? Problem => _problem;

    /// <summary>Completes when what was kept on disk has been taken over, or cannot be.</summary>
    public Task WhenRestored => _restored.Task;

    /// <summary>Rows, those included whose time is over until their room is taken back.</summary>
    public long Rows => Volatile.Read(ref _rows);

    /// <summary>The numbers for metrics; null where it cannot be used.</summary>
    public FeatureUsage? Usage() => _store is not { } store || _isClosed ? null : new FeatureUsage(
        Rows, Rows * _logBytes, store.TailAddress - store.BeginAddress, store.TailAddress - Math.Max(store.HeadAddress, store.BeginAddress), store.Capacity, store.SpilledBytes);

    /// <summary>Puts rows; of a key that is there twice the last one counts.</summary>
    /// <param name="keys">In the raw form, checked: strings with a 32-bit length before each, or numbers. Must stay until the task ends, as must <paramref name="rows"/>.</param>
    /// <param name="rows">As many rows, one after the other.</param>
    /// <returns>Completes when they are there, and on disk if the view is kept there.</returns>
    /// <exception cref="InferenceException">There is no room, or the view cannot be used; some rows may have been put.</exception>
    public Task<FeatureChange> PutAsync(ReadOnlyMemory<byte> keys, ReadOnlyMemory<byte> rows, int count) => PostAsync(new FeatureWrite(FeatureWriteKind.Put, keys, rows, count));

    /// <summary>Likewise, but for keys of which earlier lives have left a row or a deletion of a higher order than one: those stay as they are.</summary>
    /// <exception cref="InferenceException">As above.</exception>
    public Task<FeatureChange> PutMissingAsync(ReadOnlyMemory<byte> keys, ReadOnlyMemory<byte> rows, int count, long since) => PostAsync(new FeatureWrite(FeatureWriteKind.PutMissing, keys, rows, count, since));

    /// <summary>Deletes rows; those that are not there count as nothing.</summary>
    /// <exception cref="InferenceException">As above.</exception>
    public Task<FeatureChange> DeleteAsync(ReadOnlyMemory<byte> keys, int count) => PostAsync(new FeatureWrite(FeatureWriteKind.Delete, keys, default, count));

    /// <summary>Deletes all rows.</summary>
    /// <exception cref="InferenceException">As above.</exception>
    public Task<FeatureChange> ClearAsync() => PostAsync(new FeatureWrite(FeatureWriteKind.Clear, default, default, 0));

    /// <summary>Looks rows up.</summary>
    /// <param name="keys">Begins with them, in the raw form, checked; must be held until the task ends. Is held besides while the disk may still read it.</param>
    /// <param name="to">Room for a byte for each key, set to whether it has a row, and then for as many rows; that of a missing one is left as it is. Held likewise.</param>
    /// <exception cref="InferenceException">A row cannot be read, or the disk does not answer.</exception>
    /// <exception cref="OperationCanceledException">Nobody waits for them any more.</exception>
    public Task LookUpAsync(MemoryBlock keys, int count, MemoryBlock to, CancellationToken cancellation = default) => new AwaitedLookup(this, keys, to).RunAsync(count, cancellation);

    /// <summary>Counts a file that has been loaded.</summary>
    public void CountLoad(long rows) => Counts.CountLoad(rows);

    /// <summary>All that is to be loaded at the start has been: it is ready from here on.</summary>
    public void Open() => _isLoaded = true;

    /// <summary>The highest order of its entries: of what is put from here on each has a higher one.</summary>
    public long Order => _writer?.Order ?? 0;

    /// <summary>The files that were loaded by earlier lives, as <see cref="WriteLoaded"/> wrote them down.</summary>
    public IReadOnlyList<LoadedFile> ReadLoaded()
    {
        _lossesBeforeLoad = _losses;
        return _folder?.ReadLoaded() ?? [];
    }

    /// <summary>Writes down that all files have been loaded since <see cref="ReadLoaded"/>, or before: what was lost until then is there again.</summary>
    /// <exception cref="IOException">It cannot be written down.</exception>
    public void WriteLoaded(IEnumerable<LoadedFile> files)
    {
        if (_losses != _lossesBeforeLoad) return;
        _folder?.WriteLoaded(files);
        HasAll();
    }

    /// <summary>Counts it as one that cannot be used.</summary>
    public void Fail(string problem)
    {
        _problem ??= problem;
        Log.Unusable(_logger, Name, problem);
    }

    /// <exception cref="InferenceException">It is not ready.</exception>
    public void CheckReady()
    {
        if (_problem is { } problem) throw new InferenceException(StatusCode.Unavailable, $"feature view '{Name}' cannot be used: {problem}");
        if (_isClosed) throw Closed();
        if (!_isLoaded) throw new InferenceException(StatusCode.Unavailable, $"feature view '{Name}' is being loaded") { RetryAfter = LoadingWait };
    }

    /// <summary>Finishes what was posted and closes the store.</summary>
    public void Dispose()
    {
        if (_isClosed) return;
        _isClosed = true;
        if (_writer?.TryEnd(Patience) == false)
        {
            // What hangs uses it all.
            Log.Hung(_logger, Name);
            return;
        }

        _store?.Dispose();
        _folder?.Dispose();
    }

    /// <summary>Looks after those who wait for its disk.</summary>
    internal FillTimes Times { get; init; } = null!;

    /// <summary>How long its end waits for what is being written.</summary>
    internal TimeSpan Patience { get; set; } = MostSilence;

    internal IReadOnlyList<string> OldLogs => _folder?.OldLogs ?? [];

    internal CacheSecret Secret => _secret!;

    /// <summary>The order that entries go on from.</summary>
    internal long KnownOrder => _folder?.KnownOrder ?? 0;

    /// <summary>Nothing made until then counts any more: milliseconds of Unix time.</summary>
    internal long ClearedAt => Volatile.Read(ref _clearedAt);

    internal CacheKey KeyOf(ReadOnlySpan<byte> key) => _keys!.Of(key);

    internal long Now() => _time.GetUtcNow().ToUnixTimeMilliseconds();

    /// <summary>What a row that is put now is made at: after the last deletion of all, in whose millisecond it may come.</summary>
    internal long Created() => Math.Max(Now(), ClearedAt + 1);

    /// <summary>Rows made until then are of no use any more.</summary>
    internal long Oldest() => Config.TimeToLive is { } limit ? Math.Max(ClearedAt, Now() - (long)limit.TotalMilliseconds) : ClearedAt;

    internal void AddRows(long rows) => Volatile.Write(ref _rows, _rows + rows);

    /// <summary>Lets go of all rows; on the writer's thread.</summary>
    /// <param name="latest">When the latest of them was made: ahead of a clock that has been set back since.</param>
    /// <param name="order">The highest of them.</param>
    internal void Clear(long latest, long order)
    {
        long now = Math.Max(Created(), latest);
        _folder?.WriteCleared(now, order);
        Volatile.Write(ref _clearedAt, now);
        Volatile.Write(ref _rows, 0);
        HasAll();
    }

    /// <summary>Rows may be gone that nobody deleted: what is not found from here on may be one of them, in later lives too, until the view is cleared or its sources are loaded anew.</summary>
    internal void HasLost()
    {
        Interlocked.Increment(ref _losses);
        if (_hasLost) return;
        _hasLost = true;
        Log.Lost(_logger, Name);
        try
        {
            _folder?.WriteLost();
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            Log.LostNotWritten(_logger, Name, error.Message);
        }
    }

    /// <summary>What is not found from here on is not there.</summary>
    private void HasAll()
    {
        if (!_hasLost) return;
        _folder?.ForgetLost();
        _hasLost = false;
    }

    /// <summary>Moves a file of an old log aside; what is missing of what was loaded is to be loaded again.</summary>
    internal string MoveAside(string file)
    {
        _folder!.DoubtLoaded();
        return _folder.MoveAside(file);
    }

    internal void OnBroken(long entries, string aside) => Log.Broken(_logger, Name, entries, aside);

    /// <summary>What was kept on disk has been taken over.</summary>
    internal void Restored(string? problem)
    {
        if (problem is not null) Fail(problem);
        else if (OldLogs.Count > 0) Log.Restored(_logger, Name, Rows);
        _restored.TrySetResult();
    }

    /// <summary>Looks a row up.</summary>
    /// <param name="to">Where its bytes go; must stay until the read has ended.</param>
    internal ReadStatus Read(ReadOnlySpan<byte> key, nint to, out IPendingRead? pending)
    {
        pending = null;
        if (_isClosed || _store is not { } store) return ReadStatus.Unreadable;
        EntryTest test = new(_keys!.Of(key), 0, Oldest(), long.MaxValue, new EntryPart(to, Entry.HeaderBytes, Config.RowBytes));
        return store.Read(test, out _, out pending) is var status && status == ReadStatus.NotFound && _hasLost ? ReadStatus.Unreadable : status;
    }

    /// <summary>What a read of the disk that found nothing means.</summary>
    internal ReadStatus Judge(ReadStatus status) => status == ReadStatus.NotFound && _hasLost ? ReadStatus.Unreadable : status;

    /// <summary>Has a look-up that needs the disk go on when one of those that read it has been answered.</summary>
    /// <returns>False when the disk answers nobody.</returns>
    internal bool TryPark(IThreadPoolWorkItem lookup)
    {
        if (_isStuck) return false;
        _parked.Enqueue(lookup);

        // The last of those reads may have ended between the two, and nobody else would wake it: either this thread sees that, or that one sees the look-up.
        Interlocked.MemoryBarrier();
        if (Volatile.Read(ref _reading) == 0 || _isStuck) Wake();
        return true;
    }

    internal void BeginRead()
    {
        Counts.CountDiskRead();
        if (Interlocked.Increment(ref _reading) == 1) Volatile.Write(ref _lastAnswer, _time.GetTimestamp());
    }

    internal void EndRead()
    {
        Volatile.Write(ref _lastAnswer, _time.GetTimestamp());
        _isStuck = false;
        Interlocked.Decrement(ref _reading);
        Wake();
    }

    /// <summary>Whether the disk has been asked, and has answered nobody for too long.</summary>
    internal bool IsSilent => Volatile.Read(ref _reading) != 0 && _time.GetElapsedTime(Volatile.Read(ref _lastAnswer)) >= MostSilence;

    /// <summary>A request has not got its rows in time: if the disk answers nobody, the others need not wait for it either.</summary>
    internal void Suspect()
    {
        if (!IsSilent) return;
        if (!_isStuck) Log.Stuck(_logger, Name, (long)MostSilence.TotalSeconds);
        _isStuck = true;
        for (int parked = _parked.Count; parked > 0; parked--) Wake();
    }

    /// <summary>Has a look-up go on that waits for others.</summary>
    internal void Wake()
    {
        if (!_parked.IsEmpty && _parked.TryDequeue(out IThreadPoolWorkItem? lookup)) ThreadPool.UnsafeQueueUserWorkItem(lookup, preferLocal: false);
    }

    private async Task<FeatureChange> PostAsync(FeatureWrite write)
    {
        if (_problem is not null) CheckReady();
        if (_writer?.TryPost(write) == true) return await write.Done.ConfigureAwait(false);
        throw _isClosed ? Closed() : new InferenceException(StatusCode.Unavailable, $"feature view '{Name}' has too many changes waiting") { RetryAfter = LoadingWait };
    }

    private InferenceException Closed() => new(StatusCode.Unavailable, $"feature view '{Name}' is closed: the server is stopping");

    private static partial class Log
    {
        [LoggerMessage(7100, LogLevel.Warning, "Feature view {View} cannot be used: {Reason}", EventName = "FeatureViewUnusable")]
        public static partial void Unusable(ILogger logger, string view, string reason);

        [LoggerMessage(7101, LogLevel.Warning, "The disk of feature view {View} has failed, and the view cannot be changed any more: {Reason}", EventName = "FeatureDiskFailed")]
        public static partial void DiskFailed(ILogger logger, string view, string reason);

        [LoggerMessage(7102, LogLevel.Warning, "What feature view {View} had kept is not of {Kind}, or its secret was lost: it has been moved to {Folder}", EventName = "FeaturesSetAside")]
        public static partial void SetAside(ILogger logger, string view, string kind, string folder);

        [LoggerMessage(7103, LogLevel.Warning, "Rows of feature view {View} are lost: its disk does not give back what was written. Keys without a row are refused until it is cleared, or its sources have been loaded anew at a start", EventName = "FeaturesLost")]
        public static partial void Lost(ILogger logger, string view);

        [LoggerMessage(7107, LogLevel.Warning, "That rows of feature view {View} are lost could not be written down, and will not be known after a restart: {Reason}", EventName = "FeaturesLostNotWritten")]
        public static partial void LostNotWritten(ILogger logger, string view, string reason);

        [LoggerMessage(7108, LogLevel.Warning, "Feature view {View} is left as it is: its disk hangs", EventName = "FeatureDiskHung")]
        public static partial void Hung(ILogger logger, string view);

        [LoggerMessage(7104, LogLevel.Warning, "{Entries} rows on the disk of feature view {View} were damaged, and are not used: they may have been torn when the server was ended, or rows are as they were before. The files have been moved to {Folder}", EventName = "FeaturesDamaged")]
        public static partial void Broken(ILogger logger, string view, long entries, string folder);

        [LoggerMessage(7106, LogLevel.Warning, "The disk of feature view {View} has answered nothing for {Seconds} seconds: requests that need it are refused until it does", EventName = "FeatureDiskStuck")]
        public static partial void Stuck(ILogger logger, string view, long seconds);

        [LoggerMessage(7105, LogLevel.Information, "Feature view {View} has taken over {Rows} rows of its last life", EventName = "FeaturesRestored")]
        public static partial void Restored(ILogger logger, string view, long rows);
    }
}
