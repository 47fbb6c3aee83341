using System.Diagnostics.CodeAnalysis;
using Gateway.Core.Scheduling;

namespace Gateway.Core.Caching.Flights;

/// <summary>Those who have waited in flights until their time was over, and those whom the disk has kept long enough: collected under the shards' locks, to be answered outside.</summary>
/// <param name="now">A timestamp.</param>
internal ref struct DueCalls(long now)
{
    private CachedCall? _expired;
    private CachedCall? _late;

    /// <summary>When the next one's time is over; <see cref="QueueEntry.NoDeadline"/> when nobody who waits has one.</summary>
    public long Next { get; private set; } = QueueEntry.NoDeadline;

    /// <summary>Takes them out of a shard's flights, under its lock.</summary>
    public void TakeFrom(FlightShard shard)
    {
        foreach (Flight? chain in shard.Listed)
        {
            for (Flight? flight = chain; flight is not null; flight = flight.NextListed) TakeFrom(flight);
        }

        foreach (Flight flight in shard.Detached) TakeFrom(flight);
    }

    /// <summary>One that waited for another's run.</summary>
    public bool TryNextExpired([NotNullWhen(true)] out CachedCall? call) => TryNext(ref _expired, out call);

    /// <summary>One that waited for the disk.</summary>
    public bool TryNextLate([NotNullWhen(true)] out CachedCall? call) => TryNext(ref _late, out call);

    private static bool TryNext(ref CachedCall? list, [NotNullWhen(true)] out CachedCall? call)
    {
        call = list;
        if (call is null) return false;
        list = call.Next;
        call.Next = null;
        return true;
    }

    private void TakeFrom(Flight flight)
    {
        for (CachedCall? call = flight.First; call is not null;)
        {
            CachedCall waiting = call;
            call = call.Next;
            if (waiting.Due > now)
            {
                Next = Math.Min(Next, waiting.Due);
                continue;
            }

            flight.Remove(waiting);
            waiting.Next = _expired;
            _expired = waiting;
        }

        if (flight.Reader is null) return;
        if (flight.ReadDue > now)
        {
            Next = Math.Min(Next, flight.ReadDue);
            return;
        }

        CachedCall reader = flight.TakeReader()!;
        reader.Next = _late;
        _late = reader;
    }
}
