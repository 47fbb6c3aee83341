using Gateway.Core.Memory;
using Gateway.Core.Scheduling;
using Gateway.Protocol;

namespace Gateway.Core.Features.Lookups;

/// <summary>A look-up that is awaited, once.</summary>
/// <remarks>
/// <b>Behaviour</b>: given up when the disk has answered nobody for seconds, or nobody waits for it any more. <b>Ownership</b>: it holds the blocks until the disk has answered, however late, so that whoever gave it up may
/// release theirs.
/// </remarks>
/// <param name="to">A byte for each key, then the rows.</param>
internal sealed class AwaitedLookup(FeatureView view, MemoryBlock keys, MemoryBlock to) : IRowsReceiver, IRowsWaiter
{
    private readonly TaskCompletionSource _done = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly FeatureLookup _lookup = new();
    private int _isWaiting = 1;

    /// <exception cref="InferenceException">A row cannot be read, or the disk does not answer.</exception>
    /// <exception cref="OperationCanceledException">As the token says.</exception>
    public async Task RunAsync(int count, CancellationToken cancellation)
    {
        keys.AddReference();
        to.AddReference();
        if (Begin(count))
        {
            LetGo();
        }
        else
        {
            view.Times.Watch(this, ticket: 0, view, QueueEntry.NoDeadline);
            using CancellationTokenRegistration registration = cancellation.UnsafeRegister(static lookup => ((AwaitedLookup)lookup!).Cancel(), this);
            await _done.Task.ConfigureAwait(false);
        }

        if (_lookup.IsUnreadable) throw new InferenceException(StatusCode.Unavailable, $"feature view '{view.Name}' has rows that cannot be read");
    }

    public bool IsWaiting(long ticket) => Volatile.Read(ref _isWaiting) != 0;

    public void GiveUp(long ticket)
    {
        if (Interlocked.Exchange(ref _isWaiting, 0) == 0) return;
        view.Suspect();
        _done.SetException(new InferenceException(StatusCode.Unavailable, $"the disk of feature view '{view.Name}' does not answer"));
    }

    void IRowsReceiver.OnLookedUp()
    {
        LetGo();
        if (Interlocked.Exchange(ref _isWaiting, 0) != 0) _done.SetResult();
    }

    private void Cancel()
    {
        if (Interlocked.Exchange(ref _isWaiting, 0) != 0) _done.SetCanceled();
    }

    private void LetGo()
    {
        keys.Release();
        to.Release();
    }

    private unsafe bool Begin(int count) => _lookup.Begin(view, keys.Address, to.Address + count, count, to.Address, this);
}
