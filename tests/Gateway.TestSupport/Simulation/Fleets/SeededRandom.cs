namespace Gateway.TestSupport.Simulation.Fleets;

/// <summary>The same numbers from the same seed, on all versions of the runtime (SplitMix64).</summary>
public sealed class SeededRandom(ulong seed)
{
    private ulong _state = seed;

    public ulong Next()
    {
        ulong mixed = _state += 0x9E3779B97F4A7C15;
        mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9;
        mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EB;
        return mixed ^ (mixed >> 31);
    }

    /// <summary>From 0 to below 1.</summary>
    public double NextShare() => (Next() >> 11) * (1.0 / (1UL << 53));

    /// <param name="bound">Above 0.</param>
    public int NextBelow(int bound) => (int)Math.BigMul(Next(), (ulong)bound, out _);

    /// <summary>The time until the next of events that come on their own, at least 1.</summary>
    public long NextPause(double mean) => Math.Max(1, (long)(-mean * Math.Log(1 - NextShare())));
}
