using Gateway.Core.Caching.Keys;

namespace Gateway.Core.Caching.Flights;

/// <summary>Flights of some of the keys, behind one lock.</summary>
internal sealed class FlightShard
{
    // As many as are in flight in a shard with the default bound of a queue.
    private const int MostPooled = 256;

    private readonly Dictionary<CacheKey, Flight> _flights = [];
    private readonly Stack<Flight> _pool = new();
    private int _count;
    private int _landings;

    public Lock Lock { get; } = new();

    /// <summary>Whether nothing is in flight; may be behind, so only what takes the lock can tell for sure.</summary>
    public bool LooksEmpty => Volatile.Read(ref _count) == 0;

    /// <summary>Changes when a flight that has its answer leaves the table: what was not in the store before may be there now.</summary>
    public int Landings => Volatile.Read(ref _landings);

    public Dictionary<CacheKey, Flight>.ValueCollection All => _flights.Values;

    public Flight? Find(CacheKey key) => _flights.GetValueOrDefault(key);

    /// <summary>A new flight, held by its first runner, and by the table when it is listed.</summary>
    public Flight Open(CacheKey key, bool isListed)
    {
        if (!_pool.TryPop(out Flight? flight)) flight = new Flight();
        flight.Key = key;
        flight.State = FlightState.Running;
        flight.IsListed = isListed;
        flight.Runners = 1;
        flight.Holders = 1;
        if (!isListed) return flight;
        flight.Holders++;
        _flights.Add(key, flight);
        Volatile.Write(ref _count, _flights.Count);
        return flight;
    }

    /// <summary>Takes a flight out of the table, if it is there.</summary>
    public void Close(Flight flight)
    {
        if (flight.State == FlightState.Landed) Volatile.Write(ref _landings, _landings + 1);
        flight.State = FlightState.Closed;
        if (!flight.IsListed) return;
        flight.IsListed = false;
        _flights.Remove(flight.Key);
        Volatile.Write(ref _count, _flights.Count);
        LetGo(flight);
    }

    /// <summary>One holder less; the last one gives the flight back.</summary>
    public void LetGo(Flight flight)
    {
        if (--flight.Holders > 0) return;
        flight.Reset();
        if (_pool.Count < MostPooled) _pool.Push(flight);
    }
}
