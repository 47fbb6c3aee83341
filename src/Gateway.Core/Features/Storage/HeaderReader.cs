using System.Runtime.CompilerServices;
using Gateway.Core.Caching.Entries;
using Gateway.Core.Caching.Keys;
using Gateway.Core.Caching.Storage;
using Gateway.Protocol;

namespace Gateway.Core.Features.Storage;

/// <summary>Reads the header of a key's latest entry and waits for it; for the writer, which alone may wait.</summary>
internal sealed unsafe class HeaderReader(IResponseStore store) : IReadReceiver, IDisposable
{
    // Reads of a disk take milliseconds. One that hangs fails what is being written, and not the end of the process.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private readonly byte[] _header = GC.AllocateArray<byte>(Entry.HeaderBytes, pinned: true);
    private readonly ManualResetEventSlim _isRead = new(initialState: false);
    private ReadStatus _status;

    /// <summary>Finds the latest entry of a key.</summary>
    /// <param name="after">Entries made until then do not count; -1 to see deletions too.</param>
    /// <returns>Whether there is one.</returns>
    /// <exception cref="InferenceException">The disk does not give it back.</exception>
    public bool TryRead(CacheKey key, long after, out EntryHeader header)
    {
        header = default;
        nint to = (nint)Unsafe.AsPointer(ref System.Runtime.InteropServices.MemoryMarshal.GetArrayDataReference(_header));
        EntryTest test = new(key, 0, after, long.MaxValue, new EntryPart(to, 0, Entry.HeaderBytes));
        ReadStatus status = ReadStatus.Busy;
        IPendingRead? pending = null;
        if (!SpinWait.SpinUntil(() => (status = store.Read(test, out _, out pending)) != ReadStatus.Busy, Patience)) throw Unreadable();
        if (pending is not null)
        {
            _isRead.Reset();
            pending.Complete(this);
            if (!_isRead.Wait(Patience)) throw Unreadable();
            status = _status;
        }

        if (status == ReadStatus.Unreadable) throw Unreadable();
        if (status == ReadStatus.Found) header = System.Runtime.InteropServices.MemoryMarshal.Read<EntryHeader>(_header);
        return status == ReadStatus.Found;
    }

    void IReadReceiver.OnRead(ReadStatus status, in StoredEntry entry)
    {
        _status = status;
        _isRead.Set();
    }

    public void Dispose() => _isRead.Dispose();

    private static InferenceException Unreadable() => new(StatusCode.Unavailable, "what the view has on disk cannot be read");
}
