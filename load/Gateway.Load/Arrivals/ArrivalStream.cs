using Gateway.Load.Scenarios;

namespace Gateway.Load.Arrivals;

/// <summary>When calls are to be sent, one after another: decided before anything is sent, whatever becomes of the calls.</summary>
/// <remarks>
/// <b>Behaviour</b>: the same simulations and the same seed give the same arrivals. Of several streams that share a scenario each walks all of its arrivals and keeps
/// its own, so that together they are one process however many threads there are. <b>Threading</b>: one thread. <b>Cost</b>: no allocation.
/// </remarks>
internal sealed class ArrivalStream
{
    // An array, for it is gone through with every call of the closed model.
    private readonly Phase[] _phases;
    private readonly Random _random;
    private readonly int _share;
    private readonly int _shares;
    private int _phase;
    private double _due;
    private double _at;
    private int _ofBurst;
    private int _recorded;
    private long _number = -1;

    /// <param name="share">Which of <paramref name="shares"/> this is, from 0.</param>
    public ArrivalStream(IReadOnlyList<LoadSimulation> simulations, int seed, int share = 0, int shares = 1)
    {
        _phases = [.. Phase.From(simulations, seed)];
        _random = new Random(seed);
        _share = share;
        _shares = shares;
        EndSeconds = _phases.Length > 0 ? _phases[^1].End : 0;
        if (_phases.Length > 0) Enter();
    }

    /// <summary>When the last simulation ends.</summary>
    public double EndSeconds { get; }

    /// <summary>Which of the recorded requests the last arrival given carries, from 0: the one recorded with it where it is of a trace, whatever came before; else its number among all of the scenario's.</summary>
    public long PayloadIndex => _phase < _phases.Length && _phases[_phase].Times is not null ? _recorded - 1 : _number;

    /// <returns>Seconds from the start of the scenario; infinity when there are no more.</returns>
    public double Next()
    {
        while (true)
        {
            double at = NextOfAll();
            if (double.IsInfinity(at)) return at;
            _number++;
            if (_shares == 1 || _number % _shares == _share) return at;
        }
    }

    /// <summary>Copies that are to run at a time: this stream's part of them.</summary>
    public int CopiesAt(double seconds)
    {
        foreach (ref readonly Phase phase in _phases.AsSpan())
        {
            if (seconds >= phase.Start && seconds < phase.End) return (phase.CopiesAt(seconds) + _shares - 1 - _share) / _shares;
        }

        return 0;
    }

    private double NextOfAll()
    {
        while (_phase < _phases.Length)
        {
            Phase phase = _phases[_phase];
            if (phase.Times is { } times)
            {
                if (_recorded < times.Count && phase.Start + times[_recorded] < phase.End) return phase.Start + times[_recorded++];
            }
            else if (phase.FromRate > 0 || phase.ToRate > 0)
            {
                if (_ofBurst == 0)
                {
                    _at = phase.When(_due);
                    _due += Step(phase);
                    _ofBurst = phase.Burst;
                }

                if (_at < phase.End)
                {
                    _ofBurst--;
                    return _at;
                }
            }

            _phase++;
            if (_phase < _phases.Length) Enter();
        }

        return double.PositiveInfinity;
    }

    private void Enter()
    {
        Phase phase = _phases[_phase];
        _ofBurst = 0;
        _recorded = 0;

        // Even arrivals begin half a gap after the start, so that none falls on an end.
        _due = phase.Arrivals == ArrivalKind.Constant ? 0.5 : Step(phase);
    }

    private double Step(in Phase phase) => phase.Arrivals == ArrivalKind.Constant ? 1 : -Math.Log(1 - _random.NextDouble()) * phase.Burst;
}
