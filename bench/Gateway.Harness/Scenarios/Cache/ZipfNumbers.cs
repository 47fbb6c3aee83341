namespace Gateway.Harness.Scenarios.Cache;

/// <summary>Numbers from 0, the k-th of which is drawn in proportion to 1 / (k + 1)^s.</summary>
internal sealed class ZipfNumbers
{
    private readonly double[] _cumulative;
    private readonly Random _random;

    public ZipfNumbers(int count, double exponent, int seed)
    {
        _cumulative = new double[count];
        _random = new Random(seed);
        double sum = 0;
        for (int i = 0; i < count; i++) _cumulative[i] = sum += Math.Pow(i + 1, -exponent);
    }

    public int Count => _cumulative.Length;

    public int Next()
    {
        int found = Array.BinarySearch(_cumulative, _random.NextDouble() * _cumulative[^1]);
        return Math.Min(Count - 1, found < 0 ? ~found : found);
    }
}
