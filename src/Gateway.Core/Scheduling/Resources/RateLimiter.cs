using Gateway.Core.Execution;
using Gateway.Core.Models.Configuration;

namespace Gateway.Core.Scheduling.Resources;

/// <summary>Has instances of all models wait for resources that they share, as Triton's rate limiter does.</summary>
/// <remarks>
/// <b>Behaviour</b>: an instance takes all the resources of its group at once, or waits. Next in the line is who has had the fewest batches, times its priority; what it needs is kept for
/// it, so that nobody who needs much waits for ever for those who need little, and who needs none of that may go before. One that comes, or comes back, is put no further behind than one batch of those that it shares
/// with: neither does it make up for the time before, nor do they. An instance on the CPU counts as one of device 0, as in Triton.
/// <b>Threading</b>: any thread, one lock, which is the innermost; whoever calls anything here delivers afterwards what came of it (<see cref="Deliver"/>), under no lock of its own.
/// <b>Cost</b>: a turn looks at the line and at those who share; no allocation.
/// </remarks>
public sealed class RateLimiter(ResourceCounts counts, TimeProvider time)
{
    private readonly Lock _lock = new();
    private readonly Dictionary<ResourceKey, ResourcePool> _pools = [];

    // Who waits, the next first.
    private readonly List<ResourceClaim> _line = [];

    // Who has waited, and is to be told.
    private readonly Queue<ResourceClaim> _granted = new();
    private volatile bool _hasGranted;
    private int _round;

    /// <summary>What there is of each resource that anybody needs.</summary>
    public IReadOnlyList<(ResourceKey Resource, int Limit, int InUse)> Resources
    {
        get
        {
            lock (_lock) return [.. _pools.Values.Select(pool => (pool.Key, pool.Limit, pool.InUse)).OrderBy(each => each.Key.Name, StringComparer.Ordinal).ThenBy(each => each.Key.Device)];
        }
    }

    /// <summary>How many instances of each model wait, of those that need anything.</summary>
    public IReadOnlyList<(string Name, long Version, int Waiting)> Models
    {
        get
        {
            lock (_lock)
            {
                return
                [
                    .. _pools.Values.SelectMany(pool => pool.Claims).Distinct().GroupBy(claim => claim.Model)
                        .Select(claims => (claims.Key.Name, claims.Key.Version, claims.Count(claim => claim.State == ResourceClaimState.Waiting)))
                        .OrderBy(each => each.Name, StringComparer.Ordinal).ThenBy(each => each.Version),
                ];
            }
        }
    }

    /// <summary>Takes in an instance.</summary>
    /// <param name="group">Its group, with no more than its own device.</param>
    /// <returns>Null for one that needs nothing.</returns>
    /// <exception cref="ModelLoadException">It could never run.</exception>
    internal ResourceClaim? Add((string Name, long Version) model, InstanceGroup group)
    {
        if (group.RateLimiter is not { } limiter || limiter.Resources.All(need => need.Count == 0)) return null;
        int device = group.Gpus.Count > 0 ? group.Gpus[0] : 0;
        ResourceClaim claim;
        lock (_lock)
        {
            (ResourceKey Key, int Count)[] needs = [.. limiter.Resources.Where(need => need.Count > 0).Select(need => (new ResourceKey(need.Name, need.IsGlobal ? null : device), need.Count))];
            foreach ((ResourceKey key, int count) in needs) CheckUnderLock(group, key, count);
            claim = new ResourceClaim(this, model, [.. needs.Select(need => (PoolUnderLock(need.Key), need.Count))], Math.Max(1, limiter.Priority));
            foreach ((ResourcePool pool, _) in claim.Needs) pool.Join(claim);
            GrantUnderLock(asking: null);
        }

        Deliver();
        return claim;
    }

    /// <summary>Tells those who have waited that they have their resources.</summary>
    internal void Deliver()
    {
        while (_hasGranted)
        {
            ResourceClaim claim;
            lock (_lock)
            {
                if (!_granted.TryDequeue(out claim!)) return;
                _hasGranted = _granted.Count > 0;
                if (claim.State == ResourceClaimState.Gone) continue;
            }

            claim.OnGranted();
        }
    }

    internal bool Ask(ResourceClaim claim)
    {
        lock (_lock)
        {
            ReleaseUnderLock(claim);
            if (claim.State == ResourceClaimState.Gone) return false;
            LiftUnderLock(claim);
            claim.State = ResourceClaimState.Waiting;
            claim.WaitsSince = time.GetTimestamp();

            // Behind those that have had as much: they came first.
            int place = _line.Count;
            while (place > 0 && _line[place - 1].Turn > claim.Turn) place--;
            _line.Insert(place, claim);
            GrantUnderLock(claim);
            return claim.State == ResourceClaimState.Held;
        }
    }

    internal bool Withdraw(ResourceClaim claim)
    {
        lock (_lock)
        {
            if (!_line.Remove(claim)) return false;
            claim.State = ResourceClaimState.Resting;
            GrantUnderLock(asking: null);
            return true;
        }
    }

    internal void GiveBack(ResourceClaim claim)
    {
        lock (_lock)
        {
            ReleaseUnderLock(claim);
            GrantUnderLock(asking: null);
        }
    }

    internal void Remove(ResourceClaim claim)
    {
        lock (_lock)
        {
            if (claim.State == ResourceClaimState.Gone) return;
            ReleaseUnderLock(claim);
            _line.Remove(claim);
            claim.State = ResourceClaimState.Gone;
            foreach ((ResourcePool pool, _) in claim.Needs)
            {
                pool.Leave(claim);
                if (pool.Claims.Count == 0) _pools.Remove(pool.Key);
            }

            GrantUnderLock(asking: null);
        }

        Deliver();
    }

    private void CheckUnderLock(InstanceGroup group, ResourceKey key, int count)
    {
        if (_pools.Keys.Any(other => other.Name == key.Name && other.Device is null != key.Device is null))
        {
            throw new ModelLoadException($"instance group '{group.Name}' needs resource '{key.Name}' {key.Where}: other models have it {(key.Device is null ? "for each device" : "for all devices (global)")}, and it cannot be both");
        }

        if (counts.Of(key) is not { } said || said >= count) return;
        throw new ModelLoadException(said == 0
            ? $"instance group '{group.Name}' needs {count} of resource '{key.Name}' {key.Where}, and there is none: --rate-limit-resource does not name it"
            : $"instance group '{group.Name}' needs {count} of resource '{key.Name}' {key.Where}, and there are {said} (--rate-limit-resource)");
    }

    private ResourcePool PoolUnderLock(ResourceKey key)
    {
        if (!_pools.TryGetValue(key, out ResourcePool? pool)) _pools.Add(key, pool = new ResourcePool(key, counts.Of(key)));
        return pool;
    }

    private static void ReleaseUnderLock(ResourceClaim claim)
    {
        if (claim.State != ResourceClaimState.Held) return;
        foreach ((ResourcePool pool, int count) in claim.Needs) pool.InUse -= count;
        claim.State = ResourceClaimState.Resting;

        // Resources that no batch was run with do not count.
        if (claim.IsSpent) claim.Turn += claim.Priority;
        claim.IsSpent = false;
    }

    /// <summary>Where all go on asking nobody is further behind than that anyway, as who is behind is next.</summary>
    private static void LiftUnderLock(ResourceClaim claim)
    {
        foreach ((ResourcePool pool, _) in claim.Needs)
        {
            foreach (ResourceClaim other in pool.Claims)
            {
                if (other.State is ResourceClaimState.Waiting or ResourceClaimState.Held) claim.Turn = Math.Max(claim.Turn, other.Turn - other.Priority);
            }
        }
    }

    /// <param name="asking">Who sees for himself whether it is granted; null for nobody.</param>
    private void GrantUnderLock(ResourceClaim? asking)
    {
        int round = ++_round;
        for (int i = 0; i < _line.Count;)
        {
            ResourceClaim claim = _line[i];
            if (!IsFreeUnderLock(claim, round))
            {
                foreach ((ResourcePool pool, _) in claim.Needs) pool.KeepIn(round);
                i++;
                continue;
            }

            foreach ((ResourcePool pool, int count) in claim.Needs) pool.InUse += count;
            _line.RemoveAt(i);
            claim.State = ResourceClaimState.Held;
            claim.Waited(time.GetTimestamp() - claim.WaitsSince);
            if (ReferenceEquals(claim, asking)) continue;
            _granted.Enqueue(claim);
            _hasGranted = true;
        }
    }

    private static bool IsFreeUnderLock(ResourceClaim claim, int round)
    {
        foreach ((ResourcePool pool, int count) in claim.Needs)
        {
            if (!pool.Has(count, round)) return false;
        }

        return true;
    }
}
