namespace Gateway.Client.Calls;

/// <summary>Calls that have ended, for the next ones.</summary>
/// <remarks><b>Threading</b>: any thread. <b>Cost</b>: one short lock.</remarks>
internal sealed class CallPool
{
    // More than servers let one connection have in flight. What comes beyond is simply collected.
    private const int Most = 1024;

    private readonly Lock _lock = new();
    private readonly InferenceCall[] _calls = new InferenceCall[Most];
    private int _count;

    public InferenceCall? TryRent()
    {
        lock (_lock)
        {
            if (_count == 0) return null;
            InferenceCall call = _calls[--_count];
            _calls[_count] = null!;
            return call;
        }
    }

    public void Return(InferenceCall call)
    {
        lock (_lock)
        {
            if (_count < Most) _calls[_count++] = call;
        }
    }
}
