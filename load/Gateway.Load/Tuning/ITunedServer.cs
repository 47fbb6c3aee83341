using Gateway.Load.Capacity;

namespace Gateway.Load.Tuning;

/// <summary>A server that runs with one setting.</summary>
/// <remarks><b>Ownership</b>: disposing ends it.</remarks>
internal interface ITunedServer : IDisposable
{
    ITrialLoad Load { get; }

    /// <summary>To saturate it with, at first.</summary>
    Callers Callers { get; }
}
