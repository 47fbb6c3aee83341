namespace Gateway.Core.Caching.Admission;

/// <summary>What one model has in the store, and from which address on it may be used.</summary>
/// <remarks>
/// <b>Behaviour</b>: its entries are counted in batches, in the order of their addresses. When they are more than the quota, the oldest batch is given up by
/// raising <see cref="Floor"/>: whatever lies before is not the model's any more, though the store lets go of it only as its log goes on. A batch that is too old for any request is given up as well, once the
/// writer has something to do. <b>Threading</b>: written by the cache's writer alone; all properties and <see cref="IsOld"/> are for any thread.
/// </remarks>
internal sealed class ModelLedger
{
    // Quotas are kept to a thirty-second.
    private const int Batches = 32;

    private readonly long _quota;
    private readonly long _batchBytes;
    private readonly List<Batch> _batches = [];
    private long _floor;
    private long _middle;
    private long _lastBytes;
    private long _bytes;
    private long _entries;
    private long _diskBytes;

    /// <param name="quota">Most bytes, at least 1.</param>
    /// <param name="capacity">Bytes that the store has room for.</param>
    public ModelLedger(long quota, long capacity)
    {
        _quota = quota;
        _batchBytes = Math.Max(1, Math.Min(quota, capacity) / Batches);
    }

    /// <summary>Entries at lower addresses are not to be used.</summary>
    public long Floor => Volatile.Read(ref _floor);

    public long Bytes => Volatile.Read(ref _bytes);

    /// <summary>Whether each entry that comes takes the place of older ones of the model's, to within two batches, or one entry of the last's size.</summary>
    public bool IsFull => Bytes > _quota - Math.Max(2 * _batchBytes, Volatile.Read(ref _lastBytes));

    /// <summary>Whether an entry is in the older half of the quota: it will be given up before long.</summary>
    public bool IsOld(long address) => address < Volatile.Read(ref _middle);

    public long Entries => Volatile.Read(ref _entries);

    /// <summary>Bytes of them that are not in memory, to within a batch.</summary>
    public long DiskBytes => Volatile.Read(ref _diskBytes);

    /// <summary>An entry was appended at an address above all before.</summary>
    /// <param name="created">When its run was asked for, in milliseconds of Unix time.</param>
    /// <returns>Entries that had to be given up for it.</returns>
    public long Add(long address, int bytes, long created)
    {
        bool isNew = _batches.Count == 0 || _batches[^1].Bytes + bytes > _batchBytes;
        if (isNew) _batches.Add(new Batch { First = address });
        Batch last = _batches[^1];
        last.Bytes += bytes;
        last.Entries++;
        last.Youngest = Math.Max(last.Youngest, created);
        Volatile.Write(ref _lastBytes, bytes);
        if (isNew) FindMiddle();
        Change(bytes, 1);
        long given = 0;
        while (_bytes > _quota && _batches.Count > 1) given += DropOldest();
        return given;
    }

    /// <summary>An entry is of no use any more: another of the same key was appended.</summary>
    public void Remove(long address, int bytes)
    {
        for (int i = _batches.Count - 1; i >= 0; i--)
        {
            Batch batch = _batches[i];
            if (batch.First > address) continue;
            if (batch.Entries == 0) return;
            batch.Bytes -= bytes;
            batch.Entries--;
            Change(-bytes, -1);
            return;
        }
    }

    /// <summary>The store keeps nothing before <paramref name="begin"/> any more.</summary>
    /// <param name="head">What is before is not in memory.</param>
    /// <param name="overUntil">What was made by then, in milliseconds of Unix time, is too old for any request.</param>
    /// <returns>Entries that are gone.</returns>
    public long Advance(long begin, long head, long overUntil)
    {
        long gone = 0;
        while (_batches.Count > 1 && (_batches[1].First <= begin || _batches[0].Youngest <= overUntil)) gone += DropOldest();
        long below = 0;
        for (int i = 1; i < _batches.Count && _batches[i].First <= head; i++) below += _batches[i - 1].Bytes;
        Volatile.Write(ref _diskBytes, below);
        return gone;
    }

    /// <summary>Whatever lies before <paramref name="tail"/> was deleted.</summary>
    public void Clear(long tail)
    {
        _batches.Clear();
        Volatile.Write(ref _floor, tail);
        Change(-_bytes, -_entries);
    }

    /// <summary>The latest batches that come to half of the quota lie behind it, or the latest alone.</summary>
    private void FindMiddle()
    {
        int i = _batches.Count - 1;
        long behind = _batches[i].Bytes;
        while (i > 0 && behind + _batches[i - 1].Bytes <= _quota / 2) behind += _batches[--i].Bytes;
        if (i > 0) Volatile.Write(ref _middle, _batches[i].First);
    }

    private long DropOldest()
    {
        Batch oldest = _batches[0];
        _batches.RemoveAt(0);
        Volatile.Write(ref _floor, _batches[0].First);
        Change(-oldest.Bytes, -oldest.Entries);
        return oldest.Entries;
    }

    private void Change(long bytes, long entries)
    {
        Volatile.Write(ref _bytes, _bytes + bytes);
        Volatile.Write(ref _entries, _entries + entries);
    }

    private sealed class Batch
    {
        public long First;
        public long Bytes;
        public long Entries;
        public long Youngest = long.MinValue;
    }
}
