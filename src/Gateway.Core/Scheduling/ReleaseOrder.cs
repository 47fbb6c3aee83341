using Gateway.Core.Requests;

namespace Gateway.Core.Scheduling;

/// <summary>Holds answers back until all requests that came before have theirs: a model's <c>preserve_ordering</c>.</summary>
/// <remarks>
/// <b>Behaviour</b>: every accepted request is registered in order of arrival, and leaves whatever its outcome. <b>Threading</b>: any thread.
/// <b>Cost</b>: one short lock an answer.
/// </remarks>
internal sealed class ReleaseOrder
{
    private readonly Lock _lock = new();
    private readonly Queue<InferenceRequest> _inOrder = new();
    private readonly HashSet<InferenceRequest> _done = [];
    private bool _isReleasing;

    public void Register(InferenceRequest request)
    {
        lock (_lock) _inOrder.Enqueue(request);
    }

    /// <summary>A request has its outcome: completes it and all that waited for it, or leaves it to the one that it waits for.</summary>
    /// <returns>How many were completed.</returns>
    public int Release(InferenceRequest request)
    {
        lock (_lock)
        {
            _done.Add(request);

            // One thread at a time hands requests over, or two could overtake each other between leaving the lock and completing.
            if (_isReleasing) return 0;
            _isReleasing = true;
        }

        for (int completed = 0; ; completed++)
        {
            InferenceRequest next;
            lock (_lock)
            {
                if (!_inOrder.TryPeek(out InferenceRequest? first) || !_done.Remove(first))
                {
                    _isReleasing = false;
                    return completed;
                }

                next = _inOrder.Dequeue();
            }

            next.Complete();
        }
    }
}
