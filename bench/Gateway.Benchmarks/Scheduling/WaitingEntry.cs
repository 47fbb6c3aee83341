using Gateway.Core.Scheduling;

namespace Gateway.Benchmarks.Scheduling;

/// <summary>A queue entry with nothing behind it.</summary>
internal sealed class WaitingEntry : QueueEntry;
