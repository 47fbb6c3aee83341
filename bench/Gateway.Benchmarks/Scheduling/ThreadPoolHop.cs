using System.Threading.Tasks.Sources;

namespace Gateway.Benchmarks.Scheduling;

/// <summary>The least that handing work to another thread and awaiting it costs: one pooled work item, nothing done.</summary>
internal sealed class ThreadPoolHop : IThreadPoolWorkItem, IValueTaskSource
{
    private ManualResetValueTaskSourceCore<bool> _completion = new() { RunContinuationsAsynchronously = true };

    public ValueTask GoAsync()
    {
        _completion.Reset();

        // Made before the work is handed over, which may be done before this method returns.
        ValueTask done = new(this, _completion.Version);
        ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
        return done;
    }

    void IThreadPoolWorkItem.Execute() => _completion.SetResult(true);

    void IValueTaskSource.GetResult(short token) => _completion.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource.GetStatus(short token) => _completion.GetStatus(token);

    void IValueTaskSource.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _completion.OnCompleted(continuation, state, token, flags);
}
