namespace Gateway.Load.Engine;

/// <summary>A call from when it is due until it has ended. Times are timestamps.</summary>
internal struct Call
{
    /// <summary>When its first step was to be sent.</summary>
    public long Begun;

    /// <summary>When the present step was to be sent.</summary>
    public long Due;

    /// <summary>When it was sent; 0 while it waits.</summary>
    public long Sent;

    /// <summary>As <see cref="Arrivals.ArrivalStream.PayloadIndex"/>.</summary>
    public long PayloadIndex;
    public int Payload;
    public short Step;
    public short Attempt;

    /// <summary>Whether it was due after the warm-up.</summary>
    public bool Counts;

    /// <summary>Whether the answer to one of its steps came after that step's deadline.</summary>
    public bool IsLate;
    public bool IsInUse;

    /// <summary>Whether it is one of the closed model's copies, which begins again when it has ended.</summary>
    public bool IsCopy;
}
