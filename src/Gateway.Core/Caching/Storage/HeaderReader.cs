using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Gateway.Core.Caching.Entries;
using Gateway.Core.Caching.Keys;

namespace Gateway.Core.Caching.Storage;

/// <summary>Reads the header of a key's latest entry and waits for it; for the one thread that appends, which alone may wait.</summary>
/// <param name="patience">How long: reads of a disk take milliseconds, and one that hangs holds up neither what is being written nor the end of the process.</param>
internal sealed unsafe class HeaderReader(IResponseStore store, TimeSpan patience) : IDisposable
{
    private Reading _reading = new();

    /// <summary>Finds the latest entry of a key.</summary>
    /// <param name="after">Entries made until then do not count; -1 to see deletions too.</param>
    /// <param name="at">Where it is and how long.</param>
    /// <returns><see cref="ReadStatus.Found"/>, <see cref="ReadStatus.NotFound"/> or <see cref="ReadStatus.Unreadable"/>.</returns>
    public ReadStatus Read(CacheKey key, long after, out EntryHeader header, out StoredEntry at)
    {
        header = default;
        Reading reading = _reading;
        EntryTest test = new(key, 0, after, long.MaxValue, new EntryPart(reading.Address, 0, Entry.HeaderBytes), Disk: DiskUse.Always);
        ReadStatus status = store.Read(test, out at, out IPendingRead? pending);
        if (status == ReadStatus.Busy)
        {
            StoredEntry found = default;
            if (!SpinWait.SpinUntil(() => (status = store.Read(test, out found, out pending)) != ReadStatus.Busy, patience)) return ReadStatus.Unreadable;
            at = found;
        }

        if (pending is not null)
        {
            reading.IsRead.Reset();
            pending.Complete(reading);
            if (!reading.IsRead.Wait(patience))
            {
                // What comes too late is written where nobody looks any more.
                _reading = new Reading();
                return ReadStatus.Unreadable;
            }

            (status, at) = (reading.Status, reading.At);
        }

        if (status == ReadStatus.Found) header = MemoryMarshal.Read<EntryHeader>(reading.Header);
        return status;
    }

    public void Dispose() => _reading.IsRead.Dispose();

    /// <summary>One read at a time, and where its outcome goes; it is the disk's until that has answered.</summary>
    private sealed class Reading : IReadReceiver
    {
        public byte[] Header { get; } = GC.AllocateArray<byte>(Entry.HeaderBytes, pinned: true);

        public nint Address => (nint)Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(Header));

        public ManualResetEventSlim IsRead { get; } = new(initialState: false);

        public ReadStatus Status { get; private set; }

        public StoredEntry At { get; private set; }

        public void OnRead(ReadStatus status, in StoredEntry entry)
        {
            Status = status;
            At = entry;
            IsRead.Set();
        }
    }
}
