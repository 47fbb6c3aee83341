using Gateway.Core.Scheduling;

namespace Gateway.UnitTests.Scheduling;

/// <summary>A queue entry by itself, for what sees no tensors.</summary>
internal sealed class TestEntry : QueueEntry
{
    public override string ToString() => $"#{Sequence} p{Priority} r{Rows}-{RowsTaken} k{ShapeKey}";
}
