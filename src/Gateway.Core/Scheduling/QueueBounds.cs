using Gateway.Core.Requests;
using Gateway.Core.Tenants;

namespace Gateway.Core.Scheduling;

/// <summary>How many requests wait, and how many bytes; and whether one more may.</summary>
/// <remarks><b>Threading</b>: any thread. <b>Cost</b>: two interlocked additions a request.</remarks>
internal sealed class QueueBounds(BatchingPolicy policy, TenantShares shares)
{
    private int _requests;
    private long _bytes;

    /// <summary>Requests accepted and not yet wholly given to an instance.</summary>
    public int Requests => Volatile.Read(ref _requests);

    /// <summary>Bytes of their blocks.</summary>
    public long Bytes => Volatile.Read(ref _bytes);

    public bool IsFull => Requests >= policy.MaxQueueRequests || Bytes >= policy.MaxQueueBytes;

    /// <summary>Whether it is full for a tenant as well: one that has less waiting than its part of the queue, which others have filled, is let in all the same, up to twice what the queue holds.</summary>
    public bool IsFullFor(Tenant? tenant) => IsFull && !HasPartLeft(tenant, Requests, Bytes);

    /// <summary>Counts a request, whether it may wait or not: <see cref="Leave"/> is to follow.</summary>
    /// <remarks>Both counts are taken before they are looked at, so that requests coming at once cannot pass the bounds together.</remarks>
    /// <returns>Whether it may. One that is larger than all the room may where nothing else waits.</returns>
    public bool Enter(InferenceRequest request)
    {
        int requests = Interlocked.Increment(ref _requests);
        long bytes = Interlocked.Add(ref _bytes, request.QueuedBytes);
        return (requests <= policy.MaxQueueRequests && (bytes <= policy.MaxQueueBytes || requests == 1)) || HasPartLeft(request.Tenant, requests, bytes);
    }

    public void Leave(InferenceRequest request)
    {
        Interlocked.Decrement(ref _requests);
        Interlocked.Add(ref _bytes, -request.QueuedBytes);
    }

    private bool HasPartLeft(Tenant? tenant, int requests, long bytes) =>
        tenant is not null && requests <= 2L * policy.MaxQueueRequests && bytes / 2 <= policy.MaxQueueBytes && shares.IsBelowPart(tenant, policy.MaxQueueRequests);
}
