namespace Gateway.Server.Hosting;

/// <summary>What a check found of one model.</summary>
/// <param name="Version">0 for a model of which no version is known.</param>
/// <param name="Message">What is wrong, or what it would be served as.</param>
public sealed record RepositoryFinding(string Model, long Version, bool IsGood, string Message);
