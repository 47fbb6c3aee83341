namespace Gateway.Core.Caching.Flights;

/// <summary>How far a flight is.</summary>
internal enum FlightState
{
    /// <summary>Its answer is being read from the disk, or made by the model.</summary>
    Running,

    /// <summary>Its answer is there, and on its way into the store: who comes now is answered at once.</summary>
    Landed,

    /// <summary>Its answer went to those who were there; it is not listed any more.</summary>
    Closed,
}
