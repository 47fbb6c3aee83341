using System.Runtime.InteropServices;
using Gateway.Core.Tenants;

namespace Gateway.Core.Scheduling;

/// <summary>The tenants of one model's queue: what each has waiting, and whose turn it is.</summary>
/// <remarks>
/// <para>
/// <b>Behaviour</b>: start-time fair queueing. A batch's rows move their tenant's virtual time on by rows over weight; a tenant that comes back begins at the virtual time of
/// what was last served, so that nobody saves up a claim by being silent. Where tenants come, what comes on nobody's behalf (a warm-up of the cache, say) has a share of its own, of weight 1.
/// </para>
/// <para><b>Threading</b>: under the batcher's lock, but for what is said to be read by any thread. <b>Cost</b>: O(1); a share a tenant, made once.</para>
/// </remarks>
public sealed class TenantShares
{
    // Of requests of no tenant.
    private const string Nobody = "(nobody)";

    private TenantShare?[] _byIndex = new TenantShare?[4];
    private TenantShare? _nobodys;
    private double _virtualNow;
    private double _activeWeight;

    private readonly List<TenantShare> _active = [];
    private readonly IComparer<QueueEntry> _order;

    internal TenantShares(IComparer<QueueEntry> order) => _order = order;

    /// <summary>Tenants with something waiting.</summary>
    internal int Active => _active.Count;

    /// <summary>Their shares, in no particular order.</summary>
    internal ReadOnlySpan<TenantShare> ActiveShares => CollectionsMarshal.AsSpan(_active);

    /// <summary>Requests waiting that have a share: all, but for those of no tenant that came before any tenant did.</summary>
    internal int Requests { get; private set; }

    /// <summary>A tenant's share, or that of no tenant; null for that until a tenant has come. Made when it is first asked for.</summary>
    internal TenantShare? Of(Tenant? tenant) => tenant is null ? _nobodys : Find(tenant) ?? Make(tenant);

    /// <param name="due">When the one that comes is to be answered; <see cref="QueueEntry.NoDeadline"/> for whenever.</param>
    internal void Enter(TenantShare share, int rows, long due)
    {
        if (share.Requests == 0)
        {
            share.VirtualTime = Math.Max(share.VirtualTime, _virtualNow);
            Volatile.Write(ref _activeWeight, Active == 0 ? share.Tenant.Weight : _activeWeight + share.Tenant.Weight);
            share.Position = _active.Count;
            _active.Add(share);
            share.LatestDue = 0;
        }

        share.LatestDue = Math.Max(share.LatestDue, due);
        share.Requests++;
        share.Rows += rows;
        Requests++;
    }

    internal void Leave(TenantShare share, int rows)
    {
        share.Rows -= rows;
        share.Requests--;
        Requests--;
        if (share.Requests > 0) return;
        TenantShare last = _active[^1];
        _active[share.Position] = last;
        last.Position = share.Position;
        _active.RemoveAt(_active.Count - 1);
        Volatile.Write(ref _activeWeight, Active == 0 ? 0 : _activeWeight - share.Tenant.Weight);
    }

    /// <summary>Rows of a tenant's have been given to a batch.</summary>
    internal void Charge(TenantShare share, int rows)
    {
        _virtualNow = Math.Max(_virtualNow, share.VirtualTime);
        share.VirtualTime += rows / share.Tenant.Weight;
    }

    /// <summary>By how much a tenant's own rows have to be multiplied to know how many are served before all of them are: the others' turns come in between. At least 1. Any thread.</summary>
    internal double Stretch(Tenant tenant)
    {
        double active = Volatile.Read(ref _activeWeight);
        double others = Find(tenant) is { Requests: > 0 } ? active - tenant.Weight : active;
        return 1 + (Math.Max(0, others) / tenant.Weight);
    }

    /// <summary>
    /// How much of what waits is served before a request of a tenant's that came now, at least, between 0 and 1; 1 where there are no tenants. Any thread. Before one that is due before some of its tenant's own
    /// that is nothing, as far as can be told without the lock: those are behind it, and others' turns are bounded by what is before it of its own.
    /// </summary>
    /// <param name="rows">Rows that wait, of all tenants.</param>
    /// <param name="due">When it is to be answered.</param>
    internal double PortionAhead(Tenant? tenant, long rows, long due)
    {
        if (tenant is null || rows <= 0) return 1;
        TenantShare? share = Find(tenant);
        long own = share?.Rows ?? 0;
        if (own >= rows) return 1;
        return own > 0 && due < share!.LatestDue ? 0 : Math.Min(1, own * Stretch(tenant) / rows);
    }

    /// <summary>Whether a tenant has less waiting than its part of so many requests. Any thread.</summary>
    internal bool IsBelowPart(Tenant? tenant, int requests)
    {
        if (tenant is null) return false;
        int own = Find(tenant)?.Requests ?? 0;
        return own * Stretch(tenant) < requests;
    }

    private TenantShare? Find(Tenant tenant)
    {
        TenantShare?[] byIndex = Volatile.Read(ref _byIndex);
        return tenant.Index < byIndex.Length && byIndex[tenant.Index] is { } share && ReferenceEquals(share.Tenant, tenant) ? share : null;
    }

    private TenantShare Make(Tenant tenant)
    {
        // In the place of one that was let go, if need be, of whom nothing waits: a tenant with something in flight is not let go.
        TenantShare?[] byIndex = _byIndex;
        if (tenant.Index >= byIndex.Length) Array.Resize(ref byIndex, Math.Max(tenant.Index + 1, 2 * byIndex.Length));
        TenantShare share = new(tenant, _order);
        byIndex[tenant.Index] = share;
        Volatile.Write(ref _byIndex, byIndex);
        _nobodys ??= new TenantShare(new Tenant(Nobody, index: -1, new TenantLimits(), TimeProvider.System), _order);
        return share;
    }
}
