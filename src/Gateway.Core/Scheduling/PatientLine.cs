namespace Gateway.Core.Scheduling;

/// <summary>Waiting requests that have no deadline, of all or of one tenant, in the order in which they came, and how much has been served past the oldest of them.</summary>
/// <remarks>They are served behind all that have one, and so never while those want everything: a list of theirs alone tells who has been passed over for too long. <b>Cost</b>: O(1). <b>Threading</b>: under the batcher's lock, but for <see cref="Count"/>.</remarks>
/// <param name="ofTenant">Whether those of one tenant are in it, and not all.</param>
internal sealed class PatientLine(bool ofTenant)
{
    private QueueEntry? _last;
    private int _count;
    private long _pastOldest;
    private long _owed;

    /// <summary>Any thread.</summary>
    public int Count => Volatile.Read(ref _count);

    /// <summary>The one that came first; null when there is none.</summary>
    public QueueEntry? Oldest { get; private set; }

    /// <summary>
    /// Rows that have been given to batches past them: since the oldest became that, or was last given to one itself; or those of others, less <see cref="BatchingPolicy.PatientTurn"/> for each of
    /// theirs, if that is more: a few that fill up a batch are no turn.
    /// </summary>
    public long RowsPast => Math.Max(_pastOldest, _owed);

    /// <summary>Whether the oldest is to be given the next batch, of so many rows, whoever else waits.</summary>
    public bool IsTheirTurn(int rows) => RowsPast >= (long)BatchingPolicy.PatientTurn * rows;

    public void Add(QueueEntry entry)
    {
        ref PatientLinks links = ref Links(entry);
        links.IsHere = true;
        links.Before = _last;
        if (_last is null) Oldest = entry;
        else Links(_last).After = entry;
        _last = entry;
        Volatile.Write(ref _count, _count + 1);
    }

    /// <summary>Takes an entry out; nothing happens when it is not here.</summary>
    public void Remove(QueueEntry entry)
    {
        ref PatientLinks links = ref Links(entry);
        if (!links.IsHere) return;
        if (links.Before is { } before) Links(before).After = links.After;
        else Oldest = links.After;
        if (links.After is { } after) Links(after).Before = links.Before;
        else _last = links.Before;
        links = default;
        Volatile.Write(ref _count, _count - 1);
        if (_count == 0) _pastOldest = _owed = 0;
    }

    /// <summary>Rows of an entry, which may be here, are given to a batch.</summary>
    public void Took(QueueEntry entry, int rows)
    {
        if (Oldest is null) return;
        _pastOldest = ReferenceEquals(entry, Oldest) ? 0 : _pastOldest + rows;
        _owed = Links(entry).IsHere ? Math.Max(0, _owed - ((long)BatchingPolicy.PatientTurn * rows)) : _owed + rows;
    }

    private ref PatientLinks Links(QueueEntry entry) => ref ofTenant ? ref entry.InTenantsLine : ref entry.InLine;
}
