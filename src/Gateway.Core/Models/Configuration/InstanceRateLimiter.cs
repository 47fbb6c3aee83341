namespace Gateway.Core.Models.Configuration;

/// <summary>What each batch of an instance needs while it runs, and how often the instance has its turn where others need it too.</summary>
/// <param name="Resources">None for an instance that waits for nobody.</param>
/// <param name="Priority">An instance of priority 2 has half as many turns as one of priority 1; 0 is the same as 1.</param>
public sealed record InstanceRateLimiter(IReadOnlyList<NeededResource> Resources, int Priority);

/// <summary>So many of a resource, which is a name and nothing else.</summary>
/// <param name="IsGlobal">Whether there is one supply of it for all devices; else each device has its own.</param>
public sealed record NeededResource(string Name, bool IsGlobal, int Count);
