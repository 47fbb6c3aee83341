using System.Threading.Tasks.Sources;

namespace Gateway.Client.Frames;

/// <summary>Wakes one waiter once; a signal without a waiter is kept for the next.</summary>
/// <remarks>
/// <b>Threading</b>: any thread may set, one waits. <b>Cost</b>: no allocation. A woken waiter goes to the end of the pool's common queue, behind the continuations of
/// calls that were just answered: what they write goes out with it.
/// </remarks>
internal sealed class WakeSignal : IValueTaskSource, IThreadPoolWorkItem
{
    private const int None = 0;
    private const int Signalled = 1;
    private const int Waiting = 2;

    private ManualResetValueTaskSourceCore<bool> _source;
    private int _state;

    public void Set()
    {
        if (TrySet()) ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
    }

    /// <summary>Likewise, but the waiter goes on at once on this thread, until it waits again.</summary>
    public void SetInline()
    {
        if (TrySet()) _source.SetResult(true);
    }

    public ValueTask WaitAsync()
    {
        if (Interlocked.CompareExchange(ref _state, None, Signalled) == Signalled) return default;

        // Made ready before it can be set: whoever sees that somebody waits sets it at once.
        _source.Reset();
        short version = _source.Version;
        if (Interlocked.CompareExchange(ref _state, Waiting, None) == None) return new ValueTask(this, version);
        Volatile.Write(ref _state, None);
        return default;
    }

    void IThreadPoolWorkItem.Execute() => _source.SetResult(true);

    void IValueTaskSource.GetResult(short token) => _source.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource.GetStatus(short token) => _source.GetStatus(token);

    void IValueTaskSource.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _source.OnCompleted(continuation, state, token, flags);

    /// <returns>Whether there is a waiter, which the caller is to wake.</returns>
    private bool TrySet()
    {
        while (true)
        {
            int state = Volatile.Read(ref _state);
            if (state == Signalled) return false;
            if (Interlocked.CompareExchange(ref _state, state == Waiting ? None : Signalled, state) == state) return state == Waiting;
        }
    }
}
