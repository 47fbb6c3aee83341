using Gateway.Core.Caching.Entries;
using Gateway.Core.Caching.Keys;
using Gateway.Core.Caching.Storage;
using Gateway.Core.Memory;
using Microsoft.Extensions.Logging;

namespace Gateway.Core.Caching;

/// <summary>Takes over what earlier lives of the cache left on disk, in the background.</summary>
/// <remarks>
/// <b>Behaviour</b>: there is no checkpoint to be torn: the logs themselves are read, from the oldest entry to the latest, and what is whole and still of use is
/// appended to the new log. An old log is deleted when all of it has been taken over and written. <b>Threading</b>: a thread of its own; <see cref="Dispose"/> has it stop
/// where it is, and the next life goes on. 
/// </remarks>
internal sealed partial class CacheRestore : IDisposable
{
    private readonly ResponseCache _cache;
    private readonly CacheFolder _folder;
    private readonly ILogger _logger;
    private readonly Thread _thread;
    private readonly TaskCompletionSource _done = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile bool _isStopping;
    private long _taken;
    private long _passedOver;

    public CacheRestore(ResponseCache cache, CacheFolder folder, ILogger logger)
    {
        _cache = cache;
        _folder = folder;
        _logger = logger;
        _thread = new Thread(Run) { IsBackground = true, Name = "response cache restore" };
        _thread.Start();
    }

    public Task Done => _done.Task;

    public void Dispose()
    {
        _isStopping = true;
        _thread.Join();
    }

    private void Run()
    {
        long broken = 0;
        foreach (string log in _folder.OldLogs)
        {
            if (_isStopping) break;
            try
            {
                foreach (string file in EntryScanner.FilesOf(log))
                {
                    if (!_isStopping) broken += EntryScanner.Scan(file, _cache.Store?.MaxEntryBytes ?? 0, _cache.Secret, Take);
                }

                // Not before all of it lies in the new log, on disk.
                _cache.FlushAsync().Wait();
                if (!_isStopping) Directory.Delete(log, recursive: true);
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                LogFailed(_logger, log, error.Message);
            }
        }

        if (broken > 0) LogBroken(_logger, broken);
        LogTaken(_logger, _taken, _passedOver);
        _done.TrySetResult();
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

        if (!_cache.Writer.TryReserve(bytes.Length))
        {
            // The writer is behind: let it get there.
            _cache.FlushAsync().Wait();
            if (!_cache.Writer.TryReserve(bytes.Length)) return true;
        }

        if (!_cache.Pool.TryRent(bytes.Length, BlockOwner.CachedAnswer, out MemoryBlock? block))
        {
            _cache.Writer.GiveBack(bytes.Length);
            return true;
        }

        bytes.CopyTo(block.Span);
        _taken++;
        _cache.Writer.Post(new WriteItem(model, new CacheKey(header.Hash, header.Check), new StoredEntry(block, bytes.Length, -1), null, null, -1, null));
        return true;
    }

    [LoggerMessage(7010, LogLevel.Information, "The response cache has taken over {Entries} answers of its last life; {PassedOver} were of no use any more", EventName = "CacheRestored")]
    private static partial void LogTaken(ILogger logger, long entries, long passedOver);

    [LoggerMessage(7011, LogLevel.Warning, "{Entries} answers on the response cache's disk were damaged, and are set aside", EventName = "CacheDamaged")]
    private static partial void LogBroken(ILogger logger, long entries);

    [LoggerMessage(7012, LogLevel.Warning, "What is in {Log} could not be taken over: {Reason}", EventName = "CacheRestoreFailed")]
    private static partial void LogFailed(ILogger logger, string log, string reason);
}
