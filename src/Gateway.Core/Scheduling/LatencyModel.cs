namespace Gateway.Core.Scheduling;

/// <summary>How long a batch of so many rows keeps one of this model's instances: profiled at load, learned from every batch since.</summary>
/// <remarks>
/// <b>Behaviour</b>: one mean a batch size, moved by max(0.1, 1/n) of each sample's difference, each sample clipped to a quarter to four times of what was expected,
/// so that a stall does not unlearn it. A size with few samples, or none for <see cref="StaleAfter"/> batches, is what the profile says times how much longer than
/// profiled batches take at present: a model that becomes slow, or fast again, is so at all sizes. Sizes beyond those that were profiled are guessed, by the line through the
/// last two, until enough batches had them, and by many more of them what they are taken for is settled: a server's first batches are slow. Weights and clip are those of the simulation that chose the policy. Where rows differ in
/// size, the curve is that of one shape class, and batches of the others take as many times as long, however many rows they have (<see cref="Shapes"/>): a table of both would have too few batches in each place.
/// <b>Threading</b>: any thread; samples are rare (one a batch) and take a lock, estimates read without it and may be one sample behind.
/// </remarks>
public sealed class LatencyModel
{
    /// <summary>Batches after which a size that none of them had is not taken for known any more.</summary>
    public const int StaleAfter = 512;

    // A size is as good as the best when it is within 1 % of its rows a second, as in the simulation that chose the policy; within 5 % where what a batch costs beside its own time is
    // known and counted in. Where the curve is flat, as of convolutions on a CPU, the size within 1 % was a batch of 2.5 or of 5 ms, as the noise would have it, and of requests
    // that had 8 ms a quarter to a half of the capacity was in time at 120 to 300 % load (2026-11-26). Without the cost of a batch 3 % took 5 to 9 % of the throughput of a model
    // of 0.07 ms a row (2026-11-25).
    private const double AsGoodAsBest = 0.99;
    private const double AsGoodAsBestWithOverhead = 0.95;

    // Samples from which a size speaks for itself; and after which, where nobody had measured it before, what it is compared with when the model becomes slower is taken once more: a server's first batches are slow.
    private const int Trusted = 8;
    private const int Settled = 64;
    private const double LeastWeight = 0.1;
    private const double LeastSteadyWeight = 1 / 64d;
    private const double MostClip = 4;

    // A run of at most half of what was expected is a surprise, and so many in a row are news: what made the model slow is over. By tenths alone a model that had taken twenty times as long
    // for a minute would be taken to be too slow for its deadlines for some twenty runs more, which, since hardly any are let in then, took it minutes (2026-11-27).
    private const double SurprisinglyFast = 0.5;
    private const int SurprisesAreNews = 3;
    private const double NewsWeight = 0.5;

    // Samples are counted so far, and no further: years of them must not overflow.
    private const int MostSamples = 1 << 20;

    // How much more a faster batch says of what is usual than a slower one, and how much slower one may be.
    private const double FasterWeight = 1.5;
    private const double SlowerWeight = 0.5;
    private const double MostSteadyClip = 1.25;

    // Of the squared relative error, whose root is the deviation; what it is taken for before anything is known; and batches from which a size has one of its own: about as many as its mean error is of.
    private const double DeviationWeight = 0.03;
    private const double FirstDeviation = 0.1;
    private const int DeviationTrusted = 32;

    // Batches from one look at what is best to the next; by how much another size must be better than the present one, at least, and in deviations.
    private const int ChooseEvery = 32;
    private const double MustBeBetter = 0.03;

    // Where a profile has chosen: what it was wrong about shows by more than this, what happens beside a batch by less.
    private const double MustBeBetterThanProfiled = 0.06;
    private const double MustBeBetterDeviations = 0.5;

    // One batch in so many tries a size that has not been seen, or was last so many batches ago; more often where no profile says what to expect of it.
    private const int TryEvery = 16;
    private const int TryEveryWithoutProfile = 8;
    private const int TryAgainAfter = 1 << 16;

    // Batches after which a size that was tried in vain, as while there was too little to do for it, is tried again.
    private const int WishAgainAfter = 4096;

    // Batches after which a size that looks better is tried again before it is chosen: as many as the tries take, and two looks.
    private const int FreshFor = 256;
    private const int MostTries = Trusted + (Trusted / 2);

    // A size that was left for another is tried again after so many batches, then after twice as many, and so on up to TryAgainAfter: while there was little to do, only the batches
    // of the best size may have met with what disturbed the machine, and where all are of another since, nothing would say that it is over. Where there is a profile, only if that was better by it than what the present one has shown. A device of which 60 ms are asked
    // stayed at 0.83 of its capacity for one such disturbance of seconds (2026-11-26).
    private const int LookBackAfter = FreshFor;

    // Where there is a profile, sizes are tried that are nearly as good as the best by what it says, or said.
    private const double WorthATry = 0.9;

    // Of the rows of a batch, in what is usual.
    private const double UsualWeight = 0.125;

    private readonly Lock _lock = new();
    private readonly long _overhead;
    private readonly double _asGoodAsBest;
    private readonly double[] _profile;
    private readonly double[] _means;

    // By which the best size is chosen: what batches take that are not interrupted, over many more of them, since of several noisy means the best is the luckiest. While there is little to
    // do, large batches are mostly those that came together during an interruption, and go on to be interrupted.
    private readonly double[] _steadyMeans;
    private readonly int[] _steadySamples;
    private readonly double[] _variances;
    private readonly int[] _samples;
    private readonly long[] _seenAt;
    private readonly int[] _tries;
    private readonly long[] _triedAt;

    // Sizes that batches may stop growing at: those that were profiled, or guessed.
    private readonly bool[] _isChoice;

    // Of these, those that were measured; and those whose own time is known, by that or by enough batches.
    private readonly bool[] _isMeasured;
    private readonly bool[] _isTimed;
    private bool _isProfiled;
    private long _count;
    private double _ratio = 1;
    private double _variance = FirstDeviation * FirstDeviation;
    private long _recordedAt = long.MinValue;
    private int _bestBatchRows;
    private int _rowsToTry;
    private int _largerToTry;
    private long _tryAt = TryEveryWithoutProfile;
    private int _rowsToVerify;
    private int _looksBetter;

    // The best size by the profile, or, without one, the last that was; when it is looked back at, and how many batches later once more.
    private int _rowsLeft;
    private long _lookBackAt = long.MaxValue;
    private int _lookBackAfter;
    private double _usualRows = 1;
    private int _surprises;

    // More of them needed more memory than there was; no limit unless that has happened.
    private int _mostRows = int.MaxValue;

    /// <param name="overhead">Ticks that a batch costs beside the time for which it keeps its instance: calling a thread to it, cold caches; 0 where that is not known.</param>
    public LatencyModel(int maxBatchRows, long overhead = 0)
    {
        _overhead = overhead;
        _asGoodAsBest = overhead > 0 ? AsGoodAsBestWithOverhead : AsGoodAsBest;
        _profile = new double[maxBatchRows + 1];
        _means = new double[maxBatchRows + 1];
        _steadyMeans = new double[maxBatchRows + 1];
        _steadySamples = new int[maxBatchRows + 1];
        _samples = new int[maxBatchRows + 1];
        _variances = new double[maxBatchRows + 1];
        _seenAt = new long[maxBatchRows + 1];
        _tries = new int[maxBatchRows + 1];
        _triedAt = new long[maxBatchRows + 1];
        _isTimed = new bool[maxBatchRows + 1];
        _isMeasured = new bool[maxBatchRows + 1];
        _isChoice = new bool[maxBatchRows + 1];
        _bestBatchRows = maxBatchRows;
    }

    /// <summary>How many times as long batches take by the size of their rows; one for all, where dimensions are fixed.</summary>
    public ShapeFactors Shapes { get; } = new();

    /// <summary>Sizes that tell the curve: the powers of two and the largest.</summary>
    public IEnumerable<int> Sizes
    {
        get
        {
            int most = _profile.Length - 1;
            for (int rows = 1; rows < most; rows *= 2) yield return rows;
            yield return most;
        }
    }

    /// <summary>Smallest batch that makes nearly as many rows a second as any: batches need not be larger. By the profile at first, by what was learned as soon as that says otherwise.</summary>
    public int BestBatchRows => Math.Min(Volatile.Read(ref _bestBatchRows), Volatile.Read(ref _mostRows));

    /// <summary>Most rows that there was memory for; <see cref="int.MaxValue"/> while it was enough for all.</summary>
    public int MostRows => Volatile.Read(ref _mostRows);

    /// <summary>Rows to stop the next batch at, to find out what nobody has seen yet; 0 for no such wish.</summary>
    public int RowsToTry => Math.Min(Volatile.Read(ref _rowsToTry), Volatile.Read(ref _mostRows));

    /// <summary>Rows that one of the next batches is to have, if they are more than the best size; 0 else.</summary>
    public int LargerToTry => Math.Min(Volatile.Read(ref _largerToTry), Volatile.Read(ref _mostRows));

    /// <summary>How many batches before that.</summary>
    public int BatchesToTry => (int)Math.Max(0, Volatile.Read(ref _tryAt) - Volatile.Read(ref _count));

    /// <summary>Rows of a batch of late, at least 1.</summary>
    public int UsualRows => (int)Math.Round(Volatile.Read(ref _usualRows));

    /// <summary>How far batches of all sizes are from what was expected, relative to that: the root of the mean square.</summary>
    public double Deviation => Math.Sqrt(Volatile.Read(ref _variance));

    /// <summary>Likewise, of batches of <paramref name="rows"/> rows, once there were enough of them of late; of all sizes before.</summary>
    public double DeviationOf(int rows) => Seen(rows) >= DeviationTrusted ? Math.Sqrt(Volatile.Read(ref _variances[rows])) : Deviation;

    /// <summary>When the last batch was learned from; <see cref="long.MinValue"/> before the first, and after one that was surprisingly fast: what made the model slow may be over, and the next one tells.</summary>
    public long RecordedAt => Volatile.Read(ref _recordedAt);

    /// <summary>Expected ticks of a batch of <paramref name="rows"/> rows, padding included, from its closing to its instance being free; 0 while nothing is known. Of the class whose factor is 1.</summary>
    public long Estimate(int rows)
    {
        int samples = Seen(rows);
        if (samples >= Trusted) return (long)_means[rows];
        if (!_isProfiled) return (long)(samples > 0 ? _means[rows] : Line(_means, rows));
        double prior = _profile[rows] * Volatile.Read(ref _ratio);
        return (long)(((_means[rows] * samples) + (prior * (Trusted - samples))) / Trusted);
    }

    /// <summary>Expected ticks of a batch if what made it slower since it was profiled is over.</summary>
    public long Hope(int rows) => _isProfiled ? Math.Min(Estimate(rows), (long)Volatile.Read(ref _profile[rows])) : Estimate(rows);

    /// <summary>Batches are to have no more than so many rows from now on.</summary>
    public void LimitRows(int rows)
    {
        int limit = Math.Max(1, rows);
        int seen;
        while (limit < (seen = Volatile.Read(ref _mostRows)) && Interlocked.CompareExchange(ref _mostRows, limit, seen) != seen)
        {
        }
    }

    /// <summary>Batches may have so many rows again.</summary>
    internal void AllowRows(int rows) => Volatile.Write(ref _mostRows, rows);

    /// <summary>When those are tried again that are too large at present.</summary>
    internal MemoryRetry MemoryRetry { get; } = new();

    /// <summary>Takes note of what a size took before the model was served.</summary>
    public void Profile(int rows, long ticks) => _profile[rows] = ticks;

    /// <summary>The profile is done: fills in the sizes between, and works out <see cref="BestBatchRows"/>.</summary>
    /// <param name="shapeClass">The class of the rows that it was made with.</param>
    public void EndProfile(int shapeClass = 0)
    {
        for (int rows = 1; rows < _profile.Length; rows++) _isChoice[rows] = _isMeasured[rows] = _isTimed[rows] = _profile[rows] > 0;
        Guess();
        Fill();
        if (!_isChoice.Contains(true)) return;
        Shapes.Pin(shapeClass);
        _isProfiled = true;
        _tryAt = TryEvery;
        _rowsLeft = Best(out _);
        Volatile.Write(ref _bestBatchRows, _rowsLeft);
    }

    /// <summary>Has batches stop growing at sizes beyond the last that was measured, too, if two were.</summary>
    private void Guess()
    {
        if (_isChoice.Count(isChoice => isChoice) < 2) return;
        foreach (int rows in Sizes.Where(rows => rows > Array.LastIndexOf(_isMeasured, true))) _isChoice[rows] = true;
    }

    /// <summary>Gives the sizes that nothing is known of what the line through those around them says; beyond the last that is known what the line through the last two says, but never less than the last, nor more a row.</summary>
    private void Fill()
    {
        double[] known = [.. _profile.Select((ticks, rows) => _isTimed[rows] ? ticks : 0)];
        int last = Array.FindLastIndex(known, ticks => ticks > 0);
        int before = last <= 0 ? last : Array.FindLastIndex(known, last - 1, ticks => ticks > 0);
        double slope = before > 0 ? Math.Clamp((known[last] - known[before]) / (last - before), 0, known[last] / last) : 0;
        for (int rows = 1; rows < _profile.Length; rows++)
        {
            _profile[rows] = rows <= last || before <= 0 ? Line(known, rows) : known[last] + (slope * (rows - last));
        }
    }

    /// <summary>The smallest size that is as good as any; 0 when nothing is known.</summary>
    /// <param name="most">Most rows a tick.</param>
    private int Best(out double most)
    {
        most = 0;
        for (int rows = 1; rows < _profile.Length; rows++)
        {
            if (IsKnown(rows)) most = Math.Max(most, Rate(rows));
        }

        if (most == 0) return 0;
        int first = 1;
        while (!IsKnown(first) || !(Rate(first) >= _asGoodAsBest * most)) first++;
        return first;
    }

    /// <summary>Learns from a batch of <paramref name="rows"/> rows, padding included, that kept its instance for <paramref name="ticks"/>.</summary>
    /// <param name="now">Timestamp of its end.</param>
    /// <param name="shapeClass">Of its rows.</param>
    public void Record(int rows, long ticks, long now, int shapeClass = 0)
    {
        lock (_lock)
        {
            double curve = Estimate(rows);
            long count = _count + 1;
            bool isCurveKnown = _isProfiled || _samples[rows] > 0;
            if (curve > 0 && !isCurveKnown && Shapes.Leaves(shapeClass)) return;
            if (curve > 0)
            {
                double expected = curve * Shapes.Of(shapeClass);
                bool isKnown = Shapes.IsKnown(shapeClass);
                _surprises = Shapes.IsSure(shapeClass) && ticks <= SurprisinglyFast * expected ? Math.Min(_surprises + 1, SurprisesAreNews) : 0;

                // How far a guess was off is no sign of how far batches are from what is known of them.
                if (isKnown) LearnDeviation(rows, Clip(ticks, expected), expected);

                // First its class's factor: what is left unexplained then is the curve's.
                double factor = Shapes.Learn(shapeClass, Math.Max(1, ticks) / curve, isCurveKnown, now);
                double sample = Clip(ticks / factor, curve);
                if (_isProfiled) LearnRatio(rows, sample / _profile[rows]);
                Learn(rows, sample);
            }
            else
            {
                Learn(rows, Math.Max(1, ticks) / Shapes.Learn(shapeClass, 1, isCurveKnown: false, now));
            }

            _seenAt[rows] = count;
            Volatile.Write(ref _count, count);
            Volatile.Write(ref _recordedAt, _surprises > 0 ? long.MinValue : now);
            if (count % ChooseEvery == 0) ChooseAgain();
            Volatile.Write(ref _rowsToTry, 0);
            if (count >= _tryAt) Wish();
            Volatile.Write(ref _usualRows, _usualRows + (UsualWeight * (rows - _usualRows)));
        }
    }

    /// <summary>Samples of a size, as far as they are not out of date.</summary>
    private int Seen(int rows) => Volatile.Read(ref _count) - _seenAt[rows] > StaleAfter ? 0 : _samples[rows];

    private static double Clip(double ticks, double expected) => Math.Clamp(ticks, expected / MostClip, expected * MostClip);

    private void LearnDeviation(int rows, double sample, double expected)
    {
        double error = (sample - expected) / expected;
        Learn(ref _variance);
        Learn(ref _variances[rows]);

        void Learn(ref double variance) => Volatile.Write(ref variance, variance + (DeviationWeight * ((error * error) - variance)));
    }

    // A profile is of several runs, and a server's first batches are slow: one sample moves it by as little as any other does.
    private void LearnRatio(int rows, double sample)
    {
        double ratio = _ratio + (LeastWeight * (sample - _ratio));

        // News are that what made it slower is over: no more than back to the profile, for a profile that is wrong of one size says nothing of the others.
        if (IsNews) ratio = Math.Min(ratio, Math.Max(1, _ratio + (NewsWeight * (sample - _ratio))));

        // A guess that turns out wrong says nothing of the sizes that were measured; one that turns out right, that those are not slower, or faster, either. A size that was learned from slow batches becomes
        // faster alone.
        bool isNearer = Math.Abs(ratio - 1) < Math.Abs(_ratio - 1);
        if (isNearer || Are(rows, _isMeasured) || (ratio >= 1 && Are(rows, _isTimed))) Volatile.Write(ref _ratio, ratio);
    }

    /// <summary>Whether a size that batches may stop growing at, or the two that another lies between, are of a kind.</summary>
    private bool Are(int rows, bool[] kind)
    {
        int below = rows;
        while (below > 0 && !_isChoice[below]) below--;
        int above = rows;
        while (above < _profile.Length && !_isChoice[above]) above++;
        return (below == 0 || kind[below]) && (above == _profile.Length || kind[above]);
    }

    private void Learn(int rows, double sample)
    {
        // What is out of date is begun anew.
        int n = Math.Min(Seen(rows) + 1, MostSamples);
        if (n == 1) Volatile.Write(ref _variances[rows], _variance);
        _means[rows] = n == 1 ? sample : _means[rows] + (Math.Max(Weight(n), IsNews ? NewsWeight : 0) * (sample - _means[rows]));
        LearnSteadily(rows, sample);
        _samples[rows] = n;
        _tries[rows] = 0;
        if (!_isProfiled || !_isChoice[rows] || _isMeasured[rows] || n is not (Trusted or Settled)) return;

        // A size that was guessed is known now, and those between it and others are better guessed.
        _isTimed[rows] = true;
        _profile[rows] = _steadyMeans[rows] / _ratio;
        Fill();
        if (rows == _bestBatchRows) GiveUpAGuess(rows);
    }

    /// <summary>Chooses again where the best size was one that nobody had measured: larger batches were perhaps not worth it.</summary>
    private void GiveUpAGuess(int rows)
    {
        int best = Best(out _);
        if (best == rows) return;
        _rowsLeft = rows;
        ChangeTo(best);
    }

    private void ChangeTo(int chosen)
    {
        _lookBackAfter = LookBackAfter;
        _lookBackAt = chosen == _rowsLeft ? long.MaxValue : _count + LookBackAfter;
        Volatile.Write(ref _bestBatchRows, chosen);
    }

    private void LearnSteadily(int rows, double sample)
    {
        ref double mean = ref _steadyMeans[rows];
        int n = _steadySamples[rows] = Math.Min(_steadySamples[rows] + 1, MostSamples);
        double weight = Math.Max(LeastSteadyWeight, 1.0 / n);
        if (n == 1) mean = sample;
        else if (sample < mean) mean += weight * FasterWeight * (sample - mean);
        else mean += weight * SlowerWeight * (Math.Min(sample, MostSteadyClip * mean) - mean);
    }

    /// <summary>Chooses the best size anew by what has been learned: a profile may be wrong in shape, or missing.</summary>
    private void ChooseAgain()
    {
        if (_count >= _lookBackAt && _rowsToVerify == 0)
        {
            _lookBackAfter = Math.Min(2 * _lookBackAfter, TryAgainAfter);
            _lookBackAt = _count + _lookBackAfter;
            if (!_isProfiled || !_isMeasured[_rowsLeft] || ProfiledRate(_rowsLeft) > Rate(_bestBatchRows)) Verify(_rowsLeft);
        }

        int chosen = Best(out double best);

        // What is known now and then is not known exactly: sizes that are nearly alike would take turns.
        double mustBe = 1 + Math.Max(_isProfiled ? MustBeBetterThanProfiled : MustBeBetter, MustBeBetterDeviations * Deviation);
        _looksBetter = best > mustBe * Rate(_bestBatchRows) ? _looksBetter + 1 : 0;

        // A stall of one size is forgotten by the second look.
        if (_looksBetter < 2) return;
        _looksBetter = 0;

        // All sizes may have become slower since it was last seen: it is tried beside the present one first.
        if (_isProfiled && _count - _seenAt[chosen] > FreshFor)
        {
            Verify(chosen);
            return;
        }

        if (_steadySamples[chosen] < Trusted) return;
        if (!_isProfiled) _rowsLeft = _bestBatchRows;
        ChangeTo(chosen);
    }

    /// <summary>Has a size tried as if it had not been seen.</summary>
    private void Verify(int rows)
    {
        _rowsToVerify = rows;
        _steadySamples[rows] = _tries[rows] = 0;
    }

    // Of a profiled model the sizes that were profiled: among dozens of others there is always one that was lucky.
    private bool IsKnown(int rows) => _isChoice[rows] || (!_isProfiled && _samples[rows] >= Trusted);

    private double Rate(int rows)
    {
        double time = _steadySamples[rows] >= Trusted ? _steadyMeans[rows] : Estimate(rows);
        return rows / Math.Max(1, time + _overhead);
    }

    private double ProfiledRate(int rows) => rows / (_profile[rows] + _overhead);

    /// <summary>Wishes for a batch of a size that is not known.</summary>
    private void Wish()
    {
        int next = Unknown();
        if (next > 0)
        {
            _tries[next]++;
            _triedAt[next] = _count;
        }

        Volatile.Write(ref _rowsToTry, next);
        Volatile.Write(ref _largerToTry, next > _bestBatchRows ? next : 0);
        Volatile.Write(ref _tryAt, _count + (_isProfiled ? TryEvery : TryEveryWithoutProfile));
    }

    /// <summary>The size next to the best, twice or half as large and so on, that has not been seen often enough, or not for long; 0 when all have.</summary>
    private int Unknown()
    {
        int most = Math.Min(_profile.Length - 1, _mostRows);
        if (_rowsToVerify > 0)
        {
            if (_rowsToVerify <= most && _steadySamples[_rowsToVerify] < Trusted && _tries[_rowsToVerify] < MostTries) return _rowsToVerify;
            _rowsToVerify = 0;
        }

        int larger = _bestBatchRows;
        int smaller = _bestBatchRows;
        while (larger < most || smaller > 1)
        {
            if (larger < most)
            {
                larger = Math.Min(2 * larger, most);
                if (!IsSeen(larger) && IsWorthATry(larger)) return larger;
            }

            smaller /= 2;
            if (smaller > 0 && !IsSeen(smaller) && IsWorthATry(smaller)) return smaller;
        }

        return 0;
    }

    private bool IsWorthATry(int rows) => !_isProfiled || Math.Max(Rate(rows), ProfiledRate(rows)) >= WorthATry * Rate(_bestBatchRows);

    // What was wished for again and again without ever coming is not asked for for a while: deadlines, or too few requests, forbid it.
    private bool IsSeen(int rows)
    {
        if (_tries[rows] >= MostTries && _count - _triedAt[rows] > WishAgainAfter) _tries[rows] = 0;
        return _tries[rows] >= MostTries || (_samples[rows] >= Trusted && _count - _seenAt[rows] <= TryAgainAfter);
    }

    private bool IsNews => _surprises == SurprisesAreNews;

    private static double Weight(long samples) => Math.Max(LeastWeight, 1.0 / samples);

    /// <summary>A straight line through the two sizes around one that has no value, and beyond the last one through zero.</summary>
    private static double Line(double[] values, int rows)
    {
        if (values[rows] > 0) return values[rows];
        int below = rows;
        while (below > 0 && values[below] == 0) below--;
        int above = rows;
        while (above < values.Length && values[above] == 0) above++;
        if (above == values.Length) return below == 0 ? 0 : values[below] * rows / below;
        if (below == 0) return values[above];
        return values[below] + ((values[above] - values[below]) * (rows - below) / (above - below));
    }
}
