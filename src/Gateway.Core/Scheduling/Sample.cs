namespace Gateway.Core.Scheduling;

/// <summary>Which of many to look at where a few can stand for all, evenly spread: every so manyth from some place on.</summary>
/// <param name="all">How many there are.</param>
/// <param name="most">Most that are looked at, at least 1.</param>
/// <param name="seed">Where to begin: the same for the same decision, another for the next.</param>
internal readonly struct Sample(int all, int most, long seed)
{
    private readonly int _start = all <= most ? 0 : (int)((ulong)seed % (ulong)all);

    /// <summary>How many to look at.</summary>
    public int Count { get; } = Math.Min(all, most);

    /// <summary>What a sum over those has to be multiplied by.</summary>
    public double Scale => all <= most ? 1 : (double)all / Count;

    /// <summary>The index of one of them.</summary>
    public int this[int i] => all <= most ? i : (int)((_start + ((long)i * all / Count)) % all);
}
