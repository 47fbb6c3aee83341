namespace Gateway.Harness.Scenarios;

/// <summary>How the calls of an <see cref="Overload"/> come.</summary>
internal enum Traffic
{
    /// <summary>At random times, all with the same deadline.</summary>
    Steady,

    /// <summary>A quarter of the time at 2.5 times the mean rate, the rest at half of it.</summary>
    Bursty,

    /// <summary>A fifth with a quarter of the others' deadline.</summary>
    Mixed,

    /// <summary>Each tried up to three times more.</summary>
    Retrying,

    /// <summary>Likewise, at 70 % of the capacity, but twice the capacity in the middle third; counted are the calls from six deadlines after that on.</summary>
    Recovery,

    /// <summary>At 70 % of the capacity, and the model twenty times as slow for a third of the time; counted are the calls from the last fifth on.</summary>
    Stall,
}
