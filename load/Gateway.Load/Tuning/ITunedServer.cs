using Gateway.Load.Capacity;

namespace Gateway.Load.Tuning;

/// <summary>A server that runs with one setting.</summary>
/// <remarks><b>Ownership</b>: disposing ends it.</remarks>
internal interface ITunedServer : IDisposable
{
    ITrialLoad Load { get; }

    /// <summary>Calls under way at a time that saturate it.</summary>
    int Copies { get; }

    /// <summary>Calls a second that the client makes against a server that does nothing, with the same payloads.</summary>
    double ClientRate { get; }
}
