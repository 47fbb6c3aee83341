namespace Gateway.Core.Caching.Flights;

/// <summary>Runs requests that had waited.</summary>
/// <remarks>A run that is refused at once has the next promoted, and that one the next: one after the other here, not each within the other's.</remarks>
internal static class Promotions
{
    [ThreadStatic]
    private static Queue<CachedCall>? _waiting;

    /// <param name="call">In no flight's list any more.</param>
    public static void Run(CachedCall call)
    {
        if (_waiting is { } outer)
        {
            outer.Enqueue(call);
            return;
        }

        _waiting = new Queue<CachedCall>();
        try
        {
            CachedCall? next = call;
            do next.Request.Model.Cache!.RunLate(next);
            while (_waiting.TryDequeue(out next));
        }
        finally
        {
            _waiting = null;
        }
    }
}
