using Gateway.Core.Memory;
using Gateway.Protocol;

namespace Gateway.Core.Features.Lookups;

/// <summary>A look-up that is awaited.</summary>
internal sealed class AwaitedLookup : IRowsReceiver
{
    private readonly TaskCompletionSource _done = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly FeatureLookup _lookup = new();

    /// <param name="to">A byte for each key, then the rows.</param>
    /// <exception cref="InferenceException">A row cannot be read.</exception>
    public async Task RunAsync(FeatureView view, MemoryBlock keys, int count, MemoryBlock to)
    {
        if (!Begin(view, keys, count, to)) await _done.Task.ConfigureAwait(false);
        if (_lookup.IsUnreadable) throw new InferenceException(StatusCode.Unavailable, $"feature view '{view.Name}' has rows that cannot be read");
    }

    void IRowsReceiver.OnLookedUp() => _done.SetResult();

    private unsafe bool Begin(FeatureView view, MemoryBlock keys, int count, MemoryBlock to) => _lookup.Begin(view, keys.Address, to.Address + count, count, to.Address, this);
}
