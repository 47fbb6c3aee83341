namespace Gateway.IntegrationTests;

/// <summary>Tests of deadlines of a few hundredths of a second among several processes: they run one at a time, when the others are over.</summary>
#pragma warning disable CA1515 // xUnit finds public ones only.
[CollectionDefinition(nameof(Alone), DisableParallelization = true)]
public sealed class Alone;
#pragma warning restore CA1515
