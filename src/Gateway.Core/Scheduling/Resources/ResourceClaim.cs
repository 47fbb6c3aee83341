namespace Gateway.Core.Scheduling.Resources;

/// <summary>What one instance needs for each of its batches, and where it stands in the line for it.</summary>
/// <remarks>
/// <b>Behaviour</b>: <see cref="Ask"/> before a batch is formed, <see cref="IsSpent"/> when it is, then <see cref="Ask"/> again for the next one, or <see cref="GiveBack"/>. <b>Threading</b>:
/// by the instance's batcher under its lock, but for <see cref="Dispose"/>, which is for the instance at its end. <b>Cost</b>: a short lock; no allocation.
/// </remarks>
internal sealed class ResourceClaim : IDisposable
{
    // Of each wait in the mean of them.
    private const int WaitWeight = 8;

    private long _expectedWait;

    /// <param name="needs">Each resource once.</param>
    public ResourceClaim(RateLimiter limiter, (string Name, long Version) model, (ResourcePool Pool, int Count)[] needs, int priority)
    {
        Limiter = limiter;
        Model = model;
        Needs = needs;
        Priority = priority;
    }

    public RateLimiter Limiter { get; }

    /// <summary>Whose it is.</summary>
    public (string Name, long Version) Model { get; }

    public (ResourcePool Pool, int Count)[] Needs { get; }

    /// <summary>At least 1.</summary>
    public int Priority { get; }

    /// <summary>Called, under no lock, when one that waited has its resources.</summary>
    public Action OnGranted { get; set; } = static () => { };

    /// <summary>Whether a batch has been run, or is, with what is held.</summary>
    public bool IsSpent { get; set; }

    /// <summary>Ticks that a wait has taken of late. Any thread.</summary>
    public long ExpectedWait => Volatile.Read(ref _expectedWait);

    /// <summary>The limiter's own, as what follows.</summary>
    public ResourceClaimState State { get; set; }

    /// <summary>Batches so far, times the priority: the smallest is next.</summary>
    public long Turn { get; set; }

    /// <summary>Since when it waits; a timestamp.</summary>
    public long WaitsSince { get; set; }

    /// <summary>Gives back what a batch was run with, and asks for the next one's, before anybody else is given it. What is held for a batch that was not run is kept.</summary>
    /// <returns>True when they are held now; else <see cref="OnGranted"/> follows.</returns>
    public bool Ask() => (State == ResourceClaimState.Held && !IsSpent) || Limiter.Ask(this);

    /// <summary>Leaves the line.</summary>
    /// <returns>False for one that does not stand there (any more).</returns>
    public bool Withdraw() => Limiter.Withdraw(this);

    /// <summary>Gives back what is held, if anything is.</summary>
    public void GiveBack()
    {
        if (State == ResourceClaimState.Held) Limiter.GiveBack(this);
    }

    public void Dispose() => Limiter.Remove(this);

    public int NeedOf(ResourcePool pool) => Needs.FirstOrDefault(need => ReferenceEquals(need.Pool, pool)).Count;

    public void Waited(long ticks) => Volatile.Write(ref _expectedWait, _expectedWait + ((ticks - _expectedWait) / WaitWeight));
}
