namespace Gateway.Core.Overflow.Reports;

/// <summary>What else a replica says of a model's queue. The numbers are on the wire.</summary>
[Flags]
public enum LoadFlags : byte
{
    None = 0,

    /// <summary>Its oldest batch has run three times as long as expected.</summary>
    Stalled = 1,
}
