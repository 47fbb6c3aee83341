namespace Gateway.Core.Features.Storage;

/// <summary>One thing for a view's writer to do.</summary>
/// <param name="keys">In the raw form: strings with a 32-bit length before each, or numbers.</param>
/// <param name="rows">One after the other; not used to delete.</param>
/// <param name="count">How many keys.</param>
internal sealed class FeatureWrite(FeatureWriteKind kind, ReadOnlyMemory<byte> keys, ReadOnlyMemory<byte> rows, int count, long since = 0)
{
    private readonly TaskCompletionSource<FeatureChange> _done = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public FeatureWriteKind Kind => kind;

    public ReadOnlySpan<byte> Keys => keys.Span;

    public ReadOnlySpan<byte> Rows => rows.Span;

    public int Count => count;

    /// <summary>With <see cref="FeatureWriteKind.PutMissing"/>: what is of that order or a lower one does not count as there.</summary>
    public long Since => since;

    /// <summary>What was done of it so far.</summary>
    public FeatureChange Change { get; set; }

    /// <summary>Why the rest was not; null while nothing went wrong.</summary>
    public Exception? Error { get; set; }

    /// <summary>Completes when it is done, and on disk if the view is kept there; until then the memory of keys and rows must stay.</summary>
    public Task<FeatureChange> Done => _done.Task;

    public void Complete()
    {
        if (Error is { } error) _done.SetException(error);
        else _done.SetResult(Change);
    }
}
