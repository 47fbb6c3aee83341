namespace Gateway.Client.Endpoints;

/// <summary>Chooses where a call is made: of two endpoints at random, the one with fewer calls in flight.</summary>
/// <remarks>
/// <b>Behaviour</b>: endpoints that are not ready get calls only while none is. Of two at random rather than the least of all: clients that all see the same loads
/// would all go to the same one. <b>Cost</b>: no allocation, no lock.
/// </remarks>
internal static class EndpointPicker
{
    /// <param name="avoid">Chosen only when there is no other: where the call has failed before.</param>
    public static Endpoint Pick(Endpoint[] endpoints, Endpoint? avoid)
    {
        if (endpoints.Length == 1) return endpoints[0];
        int first = Random.Shared.Next(endpoints.Length);
        int second = Random.Shared.Next(endpoints.Length - 1);
        if (second >= first) second++;
        Endpoint one = endpoints[first];
        Endpoint other = endpoints[second];
        if (IsGood(one, avoid) && IsGood(other, avoid)) return Lesser(one, other);
        for (int i = 0; i < endpoints.Length; i++)
        {
            Endpoint candidate = endpoints[(first + i) % endpoints.Length];
            if (IsGood(candidate, avoid)) return candidate;
        }

        if (one == avoid) return other;
        return other == avoid ? one : Lesser(one, other);
    }

    private static bool IsGood(Endpoint endpoint, Endpoint? avoid) => endpoint != avoid && endpoint.IsReady;

    private static Endpoint Lesser(Endpoint one, Endpoint other) => other.Load < one.Load ? other : one;
}
