namespace Gateway.Core.Scheduling;

/// <summary>Requests that were taken in and are not answered: a stop waits until there are none.</summary>
/// <remarks><b>Threading</b>: any thread. <b>Cost</b>: an interlocked addition a request and one an answer.</remarks>
internal sealed class Unanswered(TimeProvider time)
{
    private readonly TaskCompletionSource _drained = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _count;
    private volatile bool _isStopping;

    public int Count => Volatile.Read(ref _count);

    /// <summary>Whether requests that come now are to be refused.</summary>
    public bool IsStopping => _isStopping;

    /// <summary>A request came; a full fence before <see cref="IsStopping"/> is read, of which <see cref="Stop"/> has the other half.</summary>
    public void Add() => Interlocked.Increment(ref _count);

    public void Remove(int requests)
    {
        if (requests > 0 && Interlocked.Add(ref _count, -requests) == 0 && _isStopping) _drained.TrySetResult();
    }

    /// <summary>No more are to come.</summary>
    public void Stop()
    {
        _isStopping = true;

        // Without it the read below could come before the write above is seen: an arrival would read "not stopping" and this thread "nothing unanswered",
        // and the instances would end with the request in the queue.
        Interlocked.MemoryBarrier();
        if (Count == 0) _drained.TrySetResult();
    }

    /// <summary>Waits until all are answered.</summary>
    /// <returns>False when that takes longer than <paramref name="limit"/>.</returns>
    public async Task<bool> HasDrainedAsync(TimeSpan limit)
    {
        try
        {
            await _drained.Task.WaitAsync(limit, time).ConfigureAwait(false);
            return true;
        }
        catch (TimeoutException)
        {
            // Off the clock's own thread, which all timers share.
            await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
            return false;
        }
    }
}
