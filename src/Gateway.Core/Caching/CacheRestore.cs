using Gateway.Core.Caching.Entries;
using Gateway.Core.Caching.Keys;
using Gateway.Core.Caching.Storage;
using Gateway.Core.Memory;
using Microsoft.Extensions.Logging;

namespace Gateway.Core.Caching;

/// <summary>Takes over what earlier lives of the cache left on disk, in the background.</summary>
/// <remarks>
/// <b>Behaviour</b>: there is no checkpoint to be torn: the logs themselves are read, from the oldest entry to the latest, and what is whole and still of use is
/// appended to the new log. A file goes when all of it has been taken over and written, so that old and new together take little more than the disk that was set, however often the server is ended
/// meanwhile; what is beyond that goes first, the oldest. <b>Threading</b>: a thread of its own; <see cref="TryEnd"/> has it stop where it is, and the next life goes on.
/// </remarks>
internal sealed partial class CacheRestore
{
    private readonly ResponseCache _cache;
    private readonly CacheFolder _folder;
    private readonly long _diskBytes;
    private readonly ILogger _logger;
    private readonly Thread _thread;
    private readonly TaskCompletionSource _done = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile bool _isStopping;
    private long _taken;
    private long _passedOver;
    private long _dropped;

    public CacheRestore(ResponseCache cache, CacheFolder folder, long diskBytes, ILogger logger)
    {
        _cache = cache;
        _folder = folder;
        _diskBytes = diskBytes;
        _logger = logger;
        _thread = new Thread(Run) { IsBackground = true, Name = "response cache restore" };
        _thread.Start();
    }

    public Task Done => _done.Task;

    /// <returns>False when the disk kept it longer than may be waited.</returns>
    public bool TryEnd(TimeSpan patience)
    {
        _isStopping = true;
        return _thread.Join(patience);
    }

    private void Run()
    {
        long broken = 0;
        try
        {
            DropWhatHasNoRoom();
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            LogFailed(_logger, _folder.OldLogs[0], error.Message);
        }

        foreach (string log in _folder.OldLogs)
        {
            if (_isStopping) break;
            try
            {
                foreach (string file in EntryScanner.FilesOf(log))
                {
                    if (_isStopping) break;
                    ScanOutcome outcome = EntryScanner.Scan(file, _cache.Store?.MaxEntryBytes ?? 0, _cache.Secret, Take);
                    broken += outcome.Broken;
                    _passedOver += outcome.TooLarge;

                    // Not before all of it lies in the new log, on disk.
                    _cache.FlushAsync().Wait();
                    if (!_isStopping && IsKept) File.Delete(file);
                }

                if (!_isStopping && IsKept) Directory.Delete(log, recursive: true);
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException or ObjectDisposedException)
            {
                // Disposed of where the disk kept this thread until the cache had ended: the next life goes on from here.
                LogFailed(_logger, log, error.Message);
            }
        }

        if (broken > 0) LogBroken(_logger, broken);
        if (_dropped > 0) LogDropped(_logger, _dropped);
        LogTaken(_logger, _taken, _passedOver);
        _done.TrySetResult();
    }

    /// <summary>Whether what has been taken over is on disk; otherwise what it was taken from stays for the next life.</summary>
    private bool IsKept => _cache.Store is { HasFailed: false };

    /// <summary>Lives that were ended before they had taken all over may have left more than there is room for.</summary>
    private void DropWhatHasNoRoom()
    {
        long bytes = 0;
        for (int i = _folder.OldLogs.Count - 1; i >= 0; i--)
        {
            foreach (string file in EntryScanner.FilesOf(_folder.OldLogs[i]).Reverse())
            {
                bytes += new FileInfo(file).Length;
                if (bytes > _diskBytes) File.Delete(file);
            }
        }
    }

    private bool Take(ReadOnlySpan<byte> bytes)
    {
        if (_isStopping) return false;
        EntryHeader header = System.Runtime.InteropServices.MemoryMarshal.Read<EntryHeader>(bytes);
        if (!_cache.IsWanted(header, out ModelCache? model))
        {
            _passedOver++;
            return true;
        }

        if (!_cache.Writer.TryReserve(bytes.Length, isOld: true))
        {
            // The writer is behind: let it get there.
            _cache.FlushAsync().Wait();
            if (!_cache.Writer.TryReserve(bytes.Length))
            {
                _dropped++;
                return true;
            }
        }

        if (!_cache.Pool.TryRent(bytes.Length, BlockOwner.CachedAnswer, out MemoryBlock? block))
        {
            _cache.Writer.GiveBack(bytes.Length);
            _dropped++;
            return true;
        }

        bytes.CopyTo(block.Span);
        _taken++;
        _cache.Writer.Post(new WriteItem(model, new CacheKey(header.Hash, header.Check), new StoredEntry(block, bytes.Length, -1), null, null, OldEntry.None, null));
        return true;
    }

    [LoggerMessage(7010, LogLevel.Information, "The response cache has taken over {Entries} answers of its last life; {PassedOver} were of no use any more", EventName = "CacheRestored")]
    private static partial void LogTaken(ILogger logger, long entries, long passedOver);

    [LoggerMessage(7011, LogLevel.Warning, "{Entries} answers on the response cache's disk were damaged, and are gone", EventName = "CacheDamaged")]
    private static partial void LogBroken(ILogger logger, long entries);

    [LoggerMessage(7013, LogLevel.Warning, "{Entries} answers of the response cache's last life are gone: there was no memory to take them over", EventName = "CacheRestoreDropped")]
    private static partial void LogDropped(ILogger logger, long entries);

    [LoggerMessage(7012, LogLevel.Warning, "What is in {Log} could not be taken over: {Reason}", EventName = "CacheRestoreFailed")]
    private static partial void LogFailed(ILogger logger, string log, string reason);
}
