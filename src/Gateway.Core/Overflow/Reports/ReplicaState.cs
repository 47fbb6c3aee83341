namespace Gateway.Core.Overflow.Reports;

/// <summary>Whether a replica takes requests, as it says itself. The numbers are on the wire; 3 is kept free, for one that has noticed that it does not get on.</summary>
public enum ReplicaState : byte
{
    /// <summary>It loads its models.</summary>
    Starting = 0,

    Serving = 1,

    /// <summary>It finishes what it has accepted, and takes nothing new.</summary>
    Draining = 2,
}
