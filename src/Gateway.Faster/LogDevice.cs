using System.Collections.Concurrent;
using System.Globalization;
using FASTER.core;
using Gateway.Core.Caching.Keys;
using Microsoft.Win32.SafeHandles;

namespace Gateway.Faster;

/// <summary>The disk under the store's log: files of a segment each, which fail for nobody.</summary>
/// <remarks>
/// <b>Behaviour</b>: FASTER trusts its device: it waits for ever on a write that failed, and follows the lengths in whatever it reads. So a failed write is
/// reported once to the cache and then acknowledged, after which nothing is written any more; so is a write that hangs, once the disk is given up; and a read gives only sectors that are what was written, by a
/// digest kept in memory, and zeros in place of all others, in which FASTER finds nothing. What lay in a file that was removed meanwhile is gone, and has not failed. <b>Threading</b>: any thread asks; threads of its own read and write.
/// <b>Cost</b>: 8 bytes of memory for 4 KiB of disk.
/// </remarks>
internal unsafe class LogDevice : StorageDeviceBase
{
    public const int Sector = 4096;
    private const int Readers = 2;

    // A disk that hangs may not hold up the end of the process.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private readonly string _folder;
    private readonly CacheSecret _secret;
    private readonly Action<string> _onFailure;
    private readonly ConcurrentDictionary<int, Segment> _segments = new();
    private readonly BlockingCollection<Work> _writes = [];
    private readonly BlockingCollection<Work> _reads = [];
    private readonly Thread[] _threads;
    private readonly Lock _writing = new();
    private Work? _write;
    private int _hasFailed;
    private int _firstKept;
    private long _written;
    private long _unreadable;

    public LogDevice(string folder, CacheSecret secret, Action<string> onFailure)
        : base(Path.Combine(folder, "log"), Sector, Devices.CAPACITY_UNSPECIFIED)
    {
        _folder = folder;
        _secret = secret;
        _onFailure = onFailure;
        _threads = [Start(_writes, "cache disk writer"), .. Enumerable.Range(0, Readers).Select(i => Start(_reads, $"cache disk reader #{i}"))];
    }

    /// <summary>Whether what the calling thread asks for is not read but declined: zeros, at once.</summary>
    [ThreadStatic]
    public static bool IsDeclining;

    public bool HasFailed => Volatile.Read(ref _hasFailed) != 0;

    /// <summary>Bytes written since the start.</summary>
    public long Written => Volatile.Read(ref _written);

    /// <summary>Sectors that were asked for and are not what was written.</summary>
    public long Unreadable => Volatile.Read(ref _unreadable);

    public override void WriteAsync(IntPtr sourceAddress, int segmentId, ulong destinationAddress, uint numBytesToWrite, DeviceIOCompletionCallback callback, object context)
    {
        _writes.Add(new Work(IsWrite: true, segmentId, (long)destinationAddress, sourceAddress, (int)numBytesToWrite, callback, context));

        // The thread may hang in the last one; either it is seen here that the disk was given up, or this one is seen there.
        Interlocked.MemoryBarrier();
        if (HasFailed) AcknowledgeWrites();
    }

    /// <summary>Nothing is written any more: what waits to be is acknowledged, and so is what hangs.</summary>
    /// <returns>False when it had failed before.</returns>
    public bool GiveUp()
    {
        bool hadFailed = Interlocked.Exchange(ref _hasFailed, 1) != 0;
        AcknowledgeWrites();
        return !hadFailed;
    }

    public override void ReadAsync(int segmentId, ulong sourceAddress, IntPtr destinationAddress, uint readLength, DeviceIOCompletionCallback callback, object context)
    {
        if (!IsDeclining)
        {
            _reads.Add(new Work(IsWrite: false, segmentId, (long)sourceAddress, destinationAddress, (int)readLength, callback, context));
            return;
        }

        new Span<byte>((void*)destinationAddress, (int)readLength).Clear();
        callback(0, readLength, context);
    }

    public override void RemoveSegmentAsync(int segment, AsyncCallback callback, IAsyncResult result)
    {
        // First said, then done: who does not find the file any more is to know why.
        int first = Volatile.Read(ref _firstKept);
        while (first <= segment && Interlocked.CompareExchange(ref _firstKept, segment + 1, first) is var now && now != first) first = now;
        if (_segments.TryRemove(segment, out Segment? removed)) removed.Release();
        try
        {
            File.Delete(PathOf(segment));
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            Fail(error.Message);
        }

        callback(result);
    }

    public override void Dispose()
    {
        _writes.CompleteAdding();
        _reads.CompleteAdding();
        foreach (Thread thread in _threads)
        {
            if (!thread.Join(Patience)) return;
        }

        foreach (Segment segment in _segments.Values) segment.Release();
        _writes.Dispose();
        _reads.Dispose();
    }

    private Thread Start(BlockingCollection<Work> queue, string name)
    {
        Thread thread = new(() =>
        {
            foreach (Work work in queue.GetConsumingEnumerable()) Do(work);
        })
        { IsBackground = true, Name = name };
        thread.Start();
        return thread;
    }

    private void AcknowledgeWrites()
    {
        Work? hanging;
        lock (_writing)
        {
            hanging = _write;
            _write = null;
        }

        if (hanging is { } write) Acknowledge(write);
        while (_writes.TryTake(out Work next)) Acknowledge(next);
    }

    private void Do(Work work)
    {
        if (work.IsWrite)
        {
            lock (_writing) _write = work;
        }

        Span<byte> memory = new((void*)work.Memory, work.Bytes);
        try
        {
            if (!work.IsWrite) Read(work, memory);
            else if (!HasFailed) Write(work, memory);
        }
#pragma warning disable CA1031 // A disk fails in many ways, and none of them may end the thread or hold up the log.
        catch (Exception error)
#pragma warning restore CA1031
        {
            if (!work.IsWrite)
            {
                memory.Clear();
                Interlocked.Increment(ref _unreadable);
            }

            Fail(error.Message);
        }

        if (work.IsWrite)
        {
            lock (_writing)
            {
                // Acknowledged meanwhile: its memory is not to be looked at any more.
                if (_write is null) return;
                _write = null;
            }
        }

        Acknowledge(work);
    }

    private void Acknowledge(in Work work)
    {
        try
        {
            work.Callback(0, (uint)work.Bytes, work.Context);
        }
#pragma warning disable CA1031 // The store has a fault that is not known; without its disk it goes on, and so do this thread and the process.
        catch (Exception error)
#pragma warning restore CA1031
        {
            Fail(error.Message);
        }
    }

    private void Write(in Work work, Span<byte> memory)
    {
        if (IsGone(work.Segment)) return;
        Segment segment = _segments.GetOrAdd(work.Segment, static (id, device) => new Segment(device.PathOf(id), (int)(device.segmentSize / Sector)), this);
        if (!segment.TryHold()) return;
        try
        {
            // First the file: a digest says that its sector is there.
            WriteFile(segment.File, memory, work.Offset);
            lock (_writing)
            {
                if (_write is not null) NoteDigests(segment, work.Offset, memory);
            }
        }
        finally
        {
            segment.Release();
        }
    }

    /// <summary>Writes, for as long as the disk takes.</summary>
    protected virtual void WriteFile(SafeFileHandle file, ReadOnlySpan<byte> memory, long offset) => RandomAccess.Write(file, memory, offset);

    private void NoteDigests(Segment segment, long offset, Span<byte> memory)
    {
        for (int at = 0; at < memory.Length; at += Sector)
        {
            Volatile.Write(ref segment.Digests[(offset + at) / Sector], CacheSecret.Short(_secret.ForSectors, memory.Slice(at, Math.Min(Sector, memory.Length - at))));
        }

        Interlocked.Add(ref _written, memory.Length);
    }

    private void Read(in Work work, Span<byte> memory)
    {
        if (!_segments.TryGetValue(work.Segment, out Segment? segment) || !segment.TryHold())
        {
            memory.Clear();
            if (!IsGone(work.Segment)) Interlocked.Increment(ref _unreadable);
            return;
        }

        try
        {
            Read(segment, work.Offset, memory);
        }
        finally
        {
            segment.Release();
        }
    }

    private void Read(Segment segment, long offset, Span<byte> memory)
    {
        int filled = 0;
        while (filled < memory.Length)
        {
            int read = RandomAccess.Read(segment.File, memory[filled..], offset + filled);
            if (read == 0) break;
            filled += read;
        }

        memory[filled..].Clear();
        for (int at = 0; at < memory.Length; at += Sector)
        {
            Span<byte> sector = memory.Slice(at, Math.Min(Sector, memory.Length - at));
            long index = (offset + at) / Sector;
            ulong expected = index < segment.Digests.Length ? Volatile.Read(ref segment.Digests[index]) : 0;
            if (expected != 0 && CacheSecret.Short(_secret.ForSectors, sector) == expected) continue;
            sector.Clear();

            // What comes after the last that was written is not missed.
            if (expected != 0 || HasFailed) Interlocked.Increment(ref _unreadable);
        }
    }

    /// <summary>Whether a file was removed, as all before it were.</summary>
    private bool IsGone(int segment) => segment < Volatile.Read(ref _firstKept);

    private void Fail(string reason)
    {
        if (Interlocked.Exchange(ref _hasFailed, 1) == 0) _onFailure(reason);
    }

    private string PathOf(int segment) => Path.Combine(_folder, "log." + segment.ToString(CultureInfo.InvariantCulture));

    /// <summary>A file, which stays open while somebody reads or writes it, removed or not.</summary>
    private sealed class Segment(string path, int sectors)
    {
        private int _holders = 1;

        public SafeFileHandle File { get; } = System.IO.File.OpenHandle(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read | FileShare.Delete);

        public ulong[] Digests { get; } = new ulong[sectors];

        /// <returns>False when it has been removed.</returns>
        public bool TryHold()
        {
            for (int holders = Volatile.Read(ref _holders); holders > 0;)
            {
                int now = Interlocked.CompareExchange(ref _holders, holders + 1, holders);
                if (now == holders) return true;
                holders = now;
            }

            return false;
        }

        public void Release()
        {
            if (Interlocked.Decrement(ref _holders) == 0) File.Dispose();
        }
    }

    private readonly record struct Work(bool IsWrite, int Segment, long Offset, IntPtr Memory, int Bytes, DeviceIOCompletionCallback Callback, object Context);
}
