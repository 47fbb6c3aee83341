namespace Gateway.Load.ServerMetrics;

/// <summary>Keeps samples taken evenly over a time of which nobody knows the end: when it is full, every other one goes, and from then on half as many are taken.</summary>
/// <param name="most">Kept at a time, at least 4.</param>
internal sealed class SampleShelf(int most)
{
    private readonly List<MetricsSample> _samples = [];
    private int _stride = 1;
    private int _offered;

    public IReadOnlyList<MetricsSample> Samples => _samples;

    /// <summary>Whether the next one is to be taken; counts it.</summary>
    public bool WantsNext() => _offered++ % _stride == 0;

    public void Add(MetricsSample sample)
    {
        if (_samples.Count == most)
        {
            for (int i = 0; 2 * i < _samples.Count; i++) _samples[i] = _samples[2 * i];
            _samples.RemoveRange((_samples.Count + 1) / 2, _samples.Count / 2);
            _stride *= 2;
            _offered = 1;
        }

        _samples.Add(sample);
    }
}
