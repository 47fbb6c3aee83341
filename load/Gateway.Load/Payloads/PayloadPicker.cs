namespace Gateway.Load.Payloads;

/// <summary>Says which payload is next: all as often, or the k-th in proportion to k to the power of minus <c>exponent</c> (Zipf).</summary>
/// <remarks><b>Threading</b>: one thread. <b>Cost</b>: no allocation; Zipf's is a binary search.</remarks>
internal sealed class PayloadPicker
{
    private readonly double[]? _upTo;
    private readonly Random _random;
    private readonly int _count;

    public PayloadPicker(int count, double zipfExponent, int seed)
    {
        _count = count;
        _random = new Random(seed);
        if (zipfExponent <= 0 || count == 1) return;
        _upTo = new double[count];
        double sum = 0;
        for (int i = 0; i < count; i++) _upTo[i] = sum += Math.Pow(i + 1, -zipfExponent);
    }

    public int Next()
    {
        if (_upTo is null) return _count == 1 ? 0 : _random.Next(_count);
        int found = Array.BinarySearch(_upTo, _random.NextDouble() * _upTo[^1]);
        return Math.Min(_count - 1, found >= 0 ? found + 1 : ~found);
    }
}
