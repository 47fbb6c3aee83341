using Gateway.Harness.Results;

namespace Gateway.Harness.Scenarios.Gpu;

/// <summary>One part of what is measured on a device.</summary>
internal interface IGpuPart
{
    string Name { get; }

    /// <summary>Measures case by case, so that what has been measured is kept when a later case fails.</summary>
    IEnumerable<Comparison> Measure(Effort effort);
}
