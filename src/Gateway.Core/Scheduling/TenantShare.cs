using Gateway.Core.Tenants;

namespace Gateway.Core.Scheduling;

/// <summary>What one tenant has waiting in one model, and what it has been given there.</summary>
/// <remarks><b>Threading</b>: written under the batcher's lock; the counts may be read by any thread.</remarks>
internal sealed class TenantShare(Tenant tenant, IComparer<QueueEntry> order)
{
    private long _rows;
    private long _latestDue;
    private int _requests;

    public Tenant Tenant { get; } = tenant;

    /// <summary>Its lanes with something in them, one a shape.</summary>
    public FirstHeap<TenantLane> Lanes { get; } = new(order);

    /// <summary>Its requests without a deadline.</summary>
    public PatientLine Patients { get; } = new(ofTenant: true);

    /// <summary>Position among the tenants with something waiting.</summary>
    public int Position { get; set; }

    /// <summary>Rows given to batches over the tenant's weight, moved on to that of the others whenever it comes back with nothing waiting: who has less is served first.</summary>
    public double VirtualTime { get; set; }

    /// <summary>The latest deadline of those that have come since it last had nothing waiting; <see cref="QueueEntry.NoDeadline"/> where one of them has none.</summary>
    public long LatestDue
    {
        get => Volatile.Read(ref _latestDue);
        set => Volatile.Write(ref _latestDue, value);
    }

    public long Rows
    {
        get => Volatile.Read(ref _rows);
        set => Volatile.Write(ref _rows, value);
    }

    public int Requests
    {
        get => Volatile.Read(ref _requests);
        set => Volatile.Write(ref _requests, value);
    }
}
