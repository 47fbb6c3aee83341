using Gateway.Core.Caching.Keys;

namespace Gateway.Core.Caching.Flights;

/// <summary>Flights of some of the keys, behind one lock.</summary>
/// <remarks><b>Threading</b>: everything under <see cref="Lock"/>, but for what says otherwise.</remarks>
internal sealed class FlightShard
{
    // As many as are in flight in a shard with the default bound of a queue.
    private const int MostPooled = 256;

    // With the default bound of a queue, four in flight in each; keys are digests, so that nobody can make them meet in one. A power of two.
    private const int Chains = 64;

    // By key, each a list by Flight.NextListed.
    private readonly Flight?[] _chains = new Flight?[Chains];
    private readonly List<Flight> _detached = [];
    private readonly Stack<Flight> _pool = new();
    private int _listed;
    private int _count;
    private int _landings;

    public Lock Lock { get; } = new();

    /// <summary>Whether nothing is in flight; may be behind, so only what takes the lock can tell for sure.</summary>
    public bool LooksEmpty => Volatile.Read(ref _count) == 0;

    /// <summary>Changes when a flight that has its answer leaves the table: what was not in the store before may be there now.</summary>
    public int Landings => Volatile.Read(ref _landings);

    /// <summary>Those that others find: the first of each list by <see cref="Flight.NextListed"/>.</summary>
    public ReadOnlySpan<Flight?> Listed => _chains;

    /// <summary>Those that nobody finds any more, and in which some wait.</summary>
    public List<Flight> Detached => _detached;

    /// <summary>Whether a key is not in flight, most likely; may be behind, as <see cref="LooksEmpty"/>.</summary>
    public bool Misses(CacheKey key) => Volatile.Read(ref ChainOf(key)) is null;

    public Flight? Find(CacheKey key)
    {
        Flight? flight = ChainOf(key);
        while (flight is not null && flight.Key != key) flight = flight.NextListed;
        return flight;
    }

    /// <summary>A new flight for a request to be its first, held by that, and by the table when it is listed.</summary>
    public void Open(CachedCall call, bool isListed)
    {
        if (!_pool.TryPop(out Flight? flight)) flight = new Flight(this);
        flight.Key = call.Key;
        flight.State = FlightState.Running;
        flight.Start = call.Start;
        flight.AddRunner(call);
        flight.Holders = 1;
        flight.MayStore = (call.Request.CacheUse & CacheUse.NoStore) == 0;
        call.Flight = flight;
        call.Shard = this;
        call.Request.CacheOutcome = CacheOutcome.Miss;
        if (isListed) Add(flight);
    }

    /// <summary>Has a request be the first of a flight that others find in the place of another, which goes on for those who are in it.</summary>
    public void Replace(Flight other, CachedCall call)
    {
        other.MayStore = false;
        Detach(other);
        Open(call, isListed: true);
    }

    /// <summary>Has the most urgent who waits take the place of a run that came to nothing, unless one that goes on is as urgent; without any of them the flight is over.</summary>
    /// <returns>Who is to be run.</returns>
    public CachedCall? TakeNext(Flight flight)
    {
        CachedCall? next = flight.MostUrgent();
        if (next is null && !flight.HasRunners) Close(flight);
        if (next is null || (flight.HasRunners && next.Due >= flight.RunnersDue)) return null;

        flight.Remove(next);
        flight.AddRunner(next);
        flight.Holders++;
        next.Request.CacheOutcome = CacheOutcome.Miss;
        return next;
    }

    /// <summary>Has others find a refresh that has landed, in the place of a flight that began before it, whose answer is not kept any more.</summary>
    /// <returns>False when one that began after it has landed: the refresh is not to be kept.</returns>
    public bool TryList(Flight flight)
    {
        if (Find(flight.Key) is { } other)
        {
            // One that began later and is in flight goes on: what it brings is younger still.
            if (other.Start > flight.Start) return other.State != FlightState.Landed;
            other.MayStore = false;
            if (other.State == FlightState.Landed) Close(other);
            else Detach(other);
        }

        Add(flight);
        return true;
    }

    /// <summary>Has nobody find what is in flight any more.</summary>
    public void DetachAll()
    {
        for (int i = 0; i < Chains; i++)
        {
            while (_chains[i] is { } flight) Detach(flight);
        }
    }

    /// <summary>Takes a flight out of the table, if it is there.</summary>
    public void Close(Flight flight)
    {
        if (flight.State == FlightState.Landed) Volatile.Write(ref _landings, _landings + 1);
        flight.State = FlightState.Closed;
        if (!flight.IsListed && !flight.IsDetached) return;
        if (flight.IsListed) Unlist(flight);
        else _detached.Remove(flight);
        flight.IsDetached = false;
        CountFlights();
        LetGo(flight);
    }

    /// <summary>One holder less; the last one gives the flight back.</summary>
    public void LetGo(Flight flight)
    {
        if (--flight.Holders > 0) return;
        flight.Reset();
        if (_pool.Count < MostPooled) _pool.Push(flight);
    }

    private void Detach(Flight flight)
    {
        Unlist(flight);
        flight.IsDetached = true;
        _detached.Add(flight);
    }

    private void Add(Flight flight)
    {
        flight.IsListed = true;
        flight.Holders++;
        ref Flight? chain = ref ChainOf(flight.Key);
        flight.NextListed = chain;
        Volatile.Write(ref chain, flight);
        _listed++;
        CountFlights();
    }

    private void Unlist(Flight flight)
    {
        ref Flight? chain = ref ChainOf(flight.Key);
        if (chain == flight)
        {
            chain = flight.NextListed;
        }
        else
        {
            Flight before = chain!;
            while (before.NextListed != flight) before = before.NextListed!;
            before.NextListed = flight.NextListed;
        }

        flight.NextListed = null;
        flight.IsListed = false;
        _listed--;
    }

    // The lowest bits choose the shard.
    private ref Flight? ChainOf(CacheKey key) => ref _chains[(key.Bits >> 8) & (Chains - 1)];

    private void CountFlights() => Volatile.Write(ref _count, _listed + _detached.Count);
}
