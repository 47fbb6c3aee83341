using Gateway.Harness.Results;

namespace Gateway.Harness.Scenarios;

/// <summary>One thing to measure of the whole server, from outside.</summary>
internal interface IScenario
{
    /// <summary>What it is called on the command line.</summary>
    string Name { get; }

    /// <summary>What it measures, in one line.</summary>
    string Summary { get; }

    /// <summary>Whether this process has to keep to the client's core; false for what runs models in it.</summary>
    bool PinsClient => true;

    /// <summary>Starts what it needs, measures, and stops it again.</summary>
    IReadOnlyList<Comparison> Measure(Effort effort);

    /// <summary>Likewise, a part after the other: what is done is on record before the next begins.</summary>
    IEnumerable<IReadOnlyList<Comparison>> MeasureInParts(Effort effort) => [Measure(effort)];
}
