using Gateway.Load.Scenarios;
using Gateway.Load.Statistics;

namespace Gateway.Load.Capacity;

/// <summary>Puts stretches of load on a server, one after another. A real one stands behind it; in tests, a queue in virtual time.</summary>
internal interface ITrialLoad
{
    /// <param name="connections">To the server, in all.</param>
    /// <param name="warmUpSeconds">At the start of the simulation; not counted.</param>
    /// <param name="isHopeless">Asked again and again with the intervals that count; ends the stretch early by true.</param>
    /// <exception cref="LoadException">The server went away.</exception>
    /// <exception cref="OperationCanceledException">The search is to stop.</exception>
    TrialLoadResult Run(LoadSimulation simulation, int connections, double warmUpSeconds, Func<IReadOnlyList<IntervalTally>, bool> isHopeless);

    /// <summary>Calls a second that the client makes over so many connections against a server that does nothing, with the same payloads; found out once for each number.</summary>
    /// <param name="connections">In all, as of <see cref="Run"/>.</param>
    /// <exception cref="LoadException">It fails there too.</exception>
    double ClientRate(int connections);

    /// <summary>Waits until the server has worked off what a stretch has left, lest the next one pay for it.</summary>
    /// <param name="objective">Answers twice as fast are fast.</param>
    void Settle(Objective objective);
}
