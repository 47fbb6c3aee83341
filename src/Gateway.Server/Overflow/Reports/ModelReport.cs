using Gateway.Core.Overflow.Reports;

namespace Gateway.Server.Overflow.Reports;

/// <summary>What a gateway reports on one version of a model.</summary>
/// <param name="IsLatest">Whether requests that name no version go to it.</param>
/// <param name="Signature">A digest of the names, types and shapes of its inputs and outputs: a model of the same name with another is another model.</param>
internal readonly record struct ModelReport(string Name, long Version, bool IsLatest, ulong Signature, LoadReport Load);
