using System.Buffers.Binary;
using Gateway.Core.Caching.Storage;
using Gateway.Protocol.Tensors;

namespace Gateway.Core.Features.Lookups;

/// <summary>Looks the rows of a number of keys up, each straight to its place.</summary>
/// <remarks>
/// <b>Behaviour</b>: what is in memory is copied on the calling thread. What is on disk is read by the store's threads, a few rows at a time, and the thread that asked goes its way; nobody waits.
/// <b>Threading</b>: one look-up at a time; its lanes take the next key under a lock. <b>Ownership</b>: keys and rows must stay until it has ended. <b>Cost</b>: no allocation in steady state.
/// </remarks>
internal sealed unsafe class FeatureLookup
{
    // Two threads read the disk of a view: each has the next row while the last one is on its way back.
    private const int Lanes = 4;

    private readonly Lock _lock = new();
    private readonly Lane?[] _lanes = new Lane?[Lanes];
    private FeatureView _view = null!;
    private IRowsReceiver _receiver = null!;
    private byte* _keys;
    private byte* _rows;
    private byte* _found;
    private int _keyAt;
    private int _next;
    private int _count;
    private int _remaining;
    private int _hits;
    private int _misses;
    private int _firstMissing;
    private volatile bool _isUnreadable;

    /// <summary>The first key without a row; -1 when all have one.</summary>
    public int FirstMissing => _firstMissing == int.MaxValue ? -1 : _firstMissing;

    /// <summary>Keys without a row.</summary>
    public int Missing => _misses;

    /// <summary>Whether any row could not be read; then the others need not be there either.</summary>
    public bool IsUnreadable => _isUnreadable;

    /// <summary>Begins.</summary>
    /// <param name="keys">In the raw form, checked.</param>
    /// <param name="rows">Room for as many rows; what a row has no bytes for is left as it is.</param>
    /// <param name="found">A byte for each key, set to whether it has a row; null where nobody asks.</param>
    /// <returns>True when it has ended; else the receiver is told.</returns>
    public bool Begin(FeatureView view, byte* keys, byte* rows, int count, byte* found, IRowsReceiver receiver)
    {
        _view = view;
        _receiver = receiver;
        _keys = keys;
        _rows = rows;
        _found = found;
        _count = count;
        _keyAt = _next = _hits = _misses = 0;
        _firstMissing = int.MaxValue;
        _isUnreadable = false;
        _remaining = 1;
        for (int i = 0; i < Lanes && Volatile.Read(ref _next) < count; i++)
        {
            Interlocked.Increment(ref _remaining);
            Lane lane = _lanes[i] ??= new Lane(this);
            lane.HasRow = false;
            Run(lane);
        }

        return Leave();
    }

    private void Run(Lane lane)
    {
        while (true)
        {
            if (!lane.HasRow && !TryTake(lane)) break;
            ReadStatus status = _view.Read(new ReadOnlySpan<byte>(lane.Key, lane.KeyBytes), (nint)(_rows + ((long)lane.Index * _view.Config.RowBytes)), out IPendingRead? pending);
            if (status == ReadStatus.Busy)
            {
                // It is on disk, and as many read there as may: those whose rows are in memory do not wait for this one.
                if (_view.TryPark(lane)) return;
                status = ReadStatus.Unreadable;
            }

            if (pending is not null)
            {
                _view.BeginRead();
                pending.Complete(lane);
                return;
            }

            Note(lane, status);
        }

        _view.Wake();
        if (Leave()) _receiver.OnLookedUp();
    }

    private void Note(Lane lane, ReadStatus status)
    {
        lane.HasRow = false;
        bool isFound = status == ReadStatus.Found;
        if (_found != null) _found[lane.Index] = isFound ? (byte)1 : (byte)0;
        lock (_lock)
        {
            if (isFound)
            {
                _hits++;
            }
            else if (status == ReadStatus.NotFound)
            {
                _misses++;
                _firstMissing = Math.Min(_firstMissing, lane.Index);
            }
            else
            {
                _isUnreadable = true;
                _next = _count;
                _view.Counts.CountUnreadable();
            }
        }
    }

    private bool TryTake(Lane lane)
    {
        lock (_lock)
        {
            if (_next >= _count) return false;
            lane.Index = _next++;
            lane.HasRow = true;
            if (_view.Config.KeyType == DataType.Int64)
            {
                lane.Key = _keys + ((long)lane.Index * sizeof(long));
                lane.KeyBytes = sizeof(long);
                return true;
            }

            lane.KeyBytes = BinaryPrimitives.ReadInt32LittleEndian(new ReadOnlySpan<byte>(_keys + _keyAt, sizeof(int)));
            lane.Key = _keys + _keyAt + sizeof(int);
            _keyAt += sizeof(int) + lane.KeyBytes;
            return true;
        }
    }

    /// <returns>Whether all have ended.</returns>
    private bool Leave()
    {
        if (Interlocked.Decrement(ref _remaining) != 0) return false;
        _view.Counts.CountLookups(_hits, _misses);
        return true;
    }

    /// <summary>One of the rows that are looked up at once.</summary>
    private sealed class Lane(FeatureLookup lookup) : IReadReceiver, IThreadPoolWorkItem
    {
        public byte* Key;
        public int KeyBytes;
        public int Index;

        /// <summary>Whether it has taken a key whose row is not there yet.</summary>
        public bool HasRow;

        /// <remarks>Called by whoever has read the disk, which goes on reading for others.</remarks>
        public void OnRead(ReadStatus status, in StoredEntry entry)
        {
            lookup._view.EndRead();
            lookup.Note(this, lookup._view.Judge(status));
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
        }

        public void Execute() => lookup.Run(this);
    }
}
