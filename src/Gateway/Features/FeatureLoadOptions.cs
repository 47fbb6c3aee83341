namespace Gateway.Features;

/// <summary>What <c>gateway features load</c> is asked for.</summary>
/// <param name="File">A .csv, .npz or .jsonl.</param>
/// <param name="Server">Where a gateway serves HTTP.</param>
internal sealed record FeatureLoadOptions(string View, string File, Uri Server);
