using System.Numerics;

namespace Gateway.Core.Scheduling;

/// <summary>How many times as long batches take in each shape class as the latency model's curve says, which is of one of them.</summary>
/// <remarks>
/// <para>
/// <b>Behaviour</b>: a batch of so many rows of a class takes what the curve says of so many rows, times the factor of the class. The factor of the curve's own class is 1: that of the profile, or of the first batch where there is none.
/// Another's is the mean of what its batches took over what the curve says, a twentieth of the difference with each once there have been twenty; a sample is clipped at four times what was expected, and but for a class's first,
/// which may have been expected to take too long by far, at a quarter.
/// </para>
/// <para>
/// A class that no batch had, or none of late, is guessed from those on either side: on a straight line between them, by the logarithms of elements and factor. Beyond the largest that is known it grows in proportion to the elements,
/// since what a run costs beside them, which flattens the curve below, matters less and less; so it is never taken for less than a smaller one. Below the smallest known it falls as between those that are known, or with the square
/// root where only one is: between a run that is all overhead and one that has none.
/// </para>
/// <para>
/// Too low a guess is put right by the first batch. Too high a one might refuse all requests of its class, and nothing would ever be learned of it: so for some batches in a thousand such a class is hoped to take no longer than
/// the next smaller one that is known (in proportion, where there is none), and what was learned long ago counts only where it is less than the guess. A model with little to do tries by itself (<see cref="Forecast.IsOutOfDate"/>).
/// </para>
/// <b>Threading</b>: <see cref="Learn"/> and <see cref="Pin"/> under the latency model's lock; the rest from any thread, a batch behind at most. <b>Cost</b>: reading is a load; of guesses, a microsecond every 32 batches.
/// </remarks>
public sealed class ShapeFactors
{
    private const double LeastWeight = 0.05;
    private const double MostClip = 4;
    private const int MostSamples = 1 << 20;
    private const int MostLeft = 8;
    private const int SureAfter = 8;

    // Of a class's factor in what is usual, and in how fast the longest of late is forgotten.
    private const double UsualWeight = 0.125;
    private const double ForgottenWeight = 1 / 64d;

    // Batches from one look at the guesses to the next, and from one time that unknown classes are hoped to be fast, until the next look, to the next.
    private const int GuessEvery = 32;
    private const int TryEvery = 1024;

    private readonly double[] _factors = new double[ShapeClasses.Count];
    private readonly double[] _learned = new double[ShapeClasses.Count];
    private readonly int[] _samples = new int[ShapeClasses.Count];
    private readonly int[] _left = new int[ShapeClasses.Count];
    private readonly long[] _seenAt = new long[ShapeClasses.Count];
    private readonly long[] _recordedAt = new long[ShapeClasses.Count];

    // The class of the curve; below 0 while there is none.
    private int _own = -1;
    private long _count;
    private ulong _seen;
    private double _usual = 1;
    private double _longest = 1;
    private int _smallest;

    internal ShapeFactors()
    {
        Array.Fill(_factors, 1);
        Array.Fill(_recordedAt, long.MinValue);
    }

    /// <summary>The factor of late, whatever the class: of what is not known yet.</summary>
    public double Usual => Volatile.Read(ref _usual);

    /// <summary>The largest factor of late.</summary>
    public double Longest => Volatile.Read(ref _longest);

    /// <summary>The smallest class that there was: a request that has not been read is of none that takes less, as far as is known. While smaller ones are to be found out about, the smallest there is.</summary>
    public int Smallest => Volatile.Read(ref _smallest);

    /// <summary>Classes that batches were of, with their factors; one for a model of fixed dimensions.</summary>
    public IEnumerable<(int ShapeClass, double Factor)> Seen
    {
        get
        {
            ulong seen = Volatile.Read(ref _seen);
            for (int shape = 0; shape < ShapeClasses.Count; shape++)
            {
                if (((seen >> shape) & 1) != 0) yield return (shape, Of(shape));
            }
        }
    }

    /// <summary>The factor of a class, learned or guessed; above 0.</summary>
    public double Of(int shapeClass) => Volatile.Read(ref _factors[shapeClass]);

    /// <summary>When the last batch of a class was learned from; <see cref="long.MinValue"/> before the first.</summary>
    internal long RecordedAt(int shapeClass) => Volatile.Read(ref _recordedAt[shapeClass]);

    /// <summary>Whether a class has a factor of its own, from batches of late.</summary>
    internal bool IsKnown(int shapeClass) => shapeClass == _own || (_samples[shapeClass] > 0 && _count - _seenAt[shapeClass] <= LatencyModel.StaleAfter);

    /// <summary>Whether batches of a class are far enough from their first, which may have been an odd one, to be surprised by.</summary>
    internal bool IsSure(int shapeClass) => shapeClass == _own || (_samples[shapeClass] >= SureAfter && IsKnown(shapeClass));

    /// <summary>The curve is that of a class.</summary>
    internal void Pin(int shapeClass)
    {
        _own = _smallest = shapeClass;
        _learned[shapeClass] = 1;
        Guess();
    }

    /// <summary>Whether nothing is to be learned yet from a batch of as many rows as the curve does not know: nothing of its class is known either, and what of its time is due to which cannot be told.</summary>
    /// <remarks>
    /// The first batches of a model that was not profiled: shared out at random, what is wrong of either is put right by the other's samples only, and slowly (simulated, of three classes and eight sizes: after 50 batches up to 75 % off
    /// where it is learned all the same, 6 % where it is left). Not more than a few in a row, since a class may come in batches of its own size alone.
    /// </remarks>
    internal bool Leaves(int shapeClass) => _own >= 0 && !IsKnown(shapeClass) && ++_left[shapeClass] <= MostLeft;

    /// <summary>Learns from a batch.</summary>
    /// <param name="ratio">What it took over what the curve says; above 0.</param>
    /// <param name="isCurveKnown">Whether the curve says so of batches of as many rows, and not only of others. If not, and the class is known, it is the curve that has to learn.</param>
    /// <param name="now">Timestamp of its end.</param>
    /// <returns>The factor of its class.</returns>
    internal double Learn(int shapeClass, double ratio, bool isCurveKnown, long now)
    {
        if (_own < 0) Pin(shapeClass);
        bool isKnown = IsKnown(shapeClass);
        if (shapeClass != _own && (isCurveKnown || !isKnown))
        {
            double expected = isKnown ? _factors[shapeClass] : Guess(shapeClass, LastKnown(shapeClass - 1), NextKnown(shapeClass + 1));

            // What is slow may be so by accident, what is fast is not.
            double sample = Math.Min(ratio, MostClip * expected);
            int n = _samples[shapeClass] = isKnown ? Math.Min(_samples[shapeClass] + 1, MostSamples) : 1;
            ref double learned = ref _learned[shapeClass];
            learned = n == 1 ? sample : learned + (Math.Max(LeastWeight, 1.0 / n) * (Math.Max(sample, expected / MostClip) - learned));
            Volatile.Write(ref _factors[shapeClass], learned);
        }

        _left[shapeClass] = 0;
        _seenAt[shapeClass] = ++_count;
        Volatile.Write(ref _recordedAt[shapeClass], now);
        Volatile.Write(ref _seen, _seen | (1UL << shapeClass));
        if (!isKnown || _count % GuessEvery == 0) Guess();
        double factor = _factors[shapeClass];
        Volatile.Write(ref _usual, _usual + (UsualWeight * (factor - _usual)));
        Volatile.Write(ref _longest, Math.Max(factor, _longest + (ForgottenWeight * (factor - _longest))));
        return factor;
    }

    /// <summary>Works out the factors of all classes that are not known.</summary>
    private void Guess()
    {
        bool isHopeful = _count >= TryEvery && _count % TryEvery < GuessEvery;
        int below = -1;
        int above = NextKnown(0);
        for (int shape = 0; shape < ShapeClasses.Count; shape++)
        {
            if (shape == above)
            {
                Volatile.Write(ref _factors[shape], _learned[shape]);
                below = above;
                above = NextKnown(shape + 1);
                continue;
            }

            double guess = isHopeful ? Hope(shape, below, above) : Guess(shape, below, above);
            Volatile.Write(ref _factors[shape], _samples[shape] > 0 ? Math.Min(_learned[shape], guess) : guess);
        }

        Volatile.Write(ref _smallest, isHopeful ? 0 : BitOperations.TrailingZeroCount(_seen | (1UL << _own)));
    }

    /// <param name="below">The next smaller class that is known; -1 where there is none. Likewise, the next larger one.</param>
    private double Guess(int shape, int below, int above)
    {
        if (above < 0) return _learned[below] * ShapeClasses.Ratio(shape - below);
        if (below >= 0) return _learned[below] * Math.Pow(_learned[above] / _learned[below], (shape - below) / (double)(above - below));
        int last = LastKnown(ShapeClasses.Count - 1);
        double slope = last == above ? 0.5 : Math.Clamp(Math.Log(_learned[last] / _learned[above]) / Math.Log(ShapeClasses.Ratio(last - above)), 0, 1);
        return _learned[above] * ShapeClasses.Ratio(slope * (shape - above));
    }

    /// <summary>The least that it is worth a try to take a class for.</summary>
    private double Hope(int shape, int below, int above) => below >= 0 ? _learned[below] : _learned[above] * ShapeClasses.Ratio(shape - above);

    private int NextKnown(int from)
    {
        int shape = from;
        while (shape < ShapeClasses.Count && !IsKnown(shape)) shape++;
        return shape < ShapeClasses.Count ? shape : -1;
    }

    private int LastKnown(int from)
    {
        int shape = from;
        while (shape >= 0 && !IsKnown(shape)) shape--;
        return shape;
    }
}
