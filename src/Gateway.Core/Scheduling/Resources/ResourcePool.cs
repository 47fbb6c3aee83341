namespace Gateway.Core.Scheduling.Resources;

/// <summary>One supply of a resource: how much there is, how much is in use, and who may ask for it.</summary>
/// <remarks><b>Threading</b>: under the limiter's lock.</remarks>
internal sealed class ResourcePool(ResourceKey key, int? said)
{
    private int _keptIn;

    public ResourceKey Key => key;

    /// <summary>What is said, or what the claim needs that needs the most.</summary>
    public int Limit { get; private set; } = said ?? 0;

    public int InUse { get; set; }

    /// <summary>Everyone who needs some of it to run.</summary>
    public List<ResourceClaim> Claims { get; } = [];

    public void Join(ResourceClaim claim)
    {
        Claims.Add(claim);
        Measure();
    }

    public void Leave(ResourceClaim claim)
    {
        Claims.Remove(claim);
        Measure();
    }

    /// <summary>Whether so much is free, and not kept in this round for one who is before.</summary>
    public bool Has(int count, int round) => _keptIn != round && InUse + count <= Limit;

    public void KeepIn(int round) => _keptIn = round;

    /// <remarks>It may become less than what is in use: those runs go on, and others wait for them.</remarks>
    private void Measure()
    {
        if (said is null) Limit = Claims.Select(each => each.NeedOf(this)).DefaultIfEmpty().Max();
    }
}
