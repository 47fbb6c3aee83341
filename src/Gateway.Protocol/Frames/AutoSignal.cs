using System.Threading.Tasks.Sources;

namespace Gateway.Protocol.Frames;

/// <summary>Wakes one waiter once; a signal without a waiter is kept for the next.</summary>
/// <remarks><b>Threading</b>: any thread may set, one waits. <b>Cost</b>: no allocation.</remarks>
/// <param name="goesOnElsewhere">Whether the waiter goes on on the thread pool; else on the thread that completes it.</param>
internal class AutoSignal(bool goesOnElsewhere = true) : IValueTaskSource
{
    private const int None = 0;
    private const int Signalled = 1;
    private const int Waiting = 2;

    private ManualResetValueTaskSourceCore<bool> _source = new() { RunContinuationsAsynchronously = goesOnElsewhere };
    private int _state;

    public void Set()
    {
        if (TrySet()) Wake();
    }

    public ValueTask WaitAsync()
    {
        if (Interlocked.CompareExchange(ref _state, None, Signalled) == Signalled) return default;

        // Made ready before it can be set: whoever sees that somebody waits sets it at once.
        _source.Reset();
        short version = _source.Version;
        if (Interlocked.CompareExchange(ref _state, Waiting, None) == None) return new ValueTask(this, version);

        // Not a mere write, for the same reason as in TrySet.
        Interlocked.Exchange(ref _state, None);
        return default;
    }

    void IValueTaskSource.GetResult(short token) => _source.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource.GetStatus(short token) => _source.GetStatus(token);

    void IValueTaskSource.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _source.OnCompleted(continuation, state, token, flags);

    /// <returns>Whether there is a waiter, which the caller is to wake.</returns>
    protected bool TrySet()
    {
        // An exchange even where it changes nothing. A mere look could come before the caller's own write is seen: the waiter would take the signal, miss what
        // it stands for, and wait.
        while (Interlocked.CompareExchange(ref _state, Signalled, None) == Waiting)
        {
            if (Interlocked.CompareExchange(ref _state, None, Waiting) == Waiting) return true;
        }

        return false;
    }

    /// <summary>Has the waiter go on, now or soon, by <see cref="Complete"/>.</summary>
    protected virtual void Wake() => Complete();

    protected void Complete() => _source.SetResult(true);
}
