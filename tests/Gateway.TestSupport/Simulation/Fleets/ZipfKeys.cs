namespace Gateway.TestSupport.Simulation.Fleets;

/// <summary>Keys of which the n-th is asked for as often as n to the power of -0.99.</summary>
internal sealed class ZipfKeys
{
    private const double Exponent = 0.99;

    private readonly double[] _sums;

    public ZipfKeys(int count)
    {
        _sums = new double[count];
        double sum = 0;
        for (int i = 0; i < count; i++) _sums[i] = sum += Math.Pow(i + 1, -Exponent);
    }

    /// <returns>-1 where there are none.</returns>
    public int Next(SeededRandom random)
    {
        if (_sums.Length == 0) return -1;
        int at = Array.BinarySearch(_sums, random.NextShare() * _sums[^1]);
        return Math.Min(_sums.Length - 1, at < 0 ? ~at : at);
    }
}
