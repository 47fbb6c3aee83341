namespace Gateway.Core.Scheduling;

/// <summary>Stands in the order of requests for a level and a deadline, to look for what is served before or after that.</summary>
internal sealed class Moment : QueueEntry;
