namespace Gateway.Load.Payloads;

/// <summary>Makes of one seed others that have nothing to do with each other, the same in every process.</summary>
/// <remarks>SplitMix64's finalizer (Steele, Lea and Flood, 2014). The framework's hash codes differ from process to process, so the same seed would not be the same load.</remarks>
internal static class Seed
{
    private const ulong Gamma = 0x9E3779B97F4A7C15;

    /// <param name="seed">As it was given.</param>
    /// <param name="parts">What it is for, such as a worker's number.</param>
    /// <returns>From 0.</returns>
    public static int Of(int seed, params ReadOnlySpan<int> parts)
    {
        ulong state = Mix((uint)seed);
        foreach (int part in parts) state = Mix(state ^ (uint)part);
        return (int)(state >> 33);
    }

    private static ulong Mix(ulong value)
    {
        value += Gamma;
        value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9;
        value = (value ^ (value >> 27)) * 0x94D049BB133111EB;
        return value ^ (value >> 31);
    }
}
