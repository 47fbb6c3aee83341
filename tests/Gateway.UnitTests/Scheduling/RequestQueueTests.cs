using Gateway.Core.Scheduling;

namespace Gateway.UnitTests.Scheduling;

public sealed class RequestQueueTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void AnySteps_AtRandom_AgreesWithAList(int seed)
    {
        Random random = new(seed);
        RequestQueue queue = new(ArrivalOrder.Instance, priorityLevels: 3);
        List<TestEntry> model = [];
        for (int step = 0; step < 5_000; step++)
        {
            switch (random.Next(6))
            {
                case < 3:
                    TestEntry arrived = new()
                    {
                        Sequence = step,
                        Priority = random.Next(1, 4),
                        Rows = random.Next(1, 6),
                        ShapeKey = (ulong)random.Next(5),
                        Deadline = random.Next(2) == 0 ? QueueEntry.NoDeadline : step + random.Next(200),
                    };
                    queue.Add(arrived);
                    model.Add(arrived);
                    break;
                case 3 when model.Count > 0:
                    TestEntry removed = model[random.Next(model.Count)];
                    Assert.True(queue.Remove(removed));
                    Assert.False(queue.Remove(removed));
                    model.Remove(removed);
                    break;
                case 4 when model.Count > 0:
                    TestEntry taken = model[random.Next(model.Count)];
                    queue.Take(taken, random.Next(1, taken.RowsWaiting + 1));
                    if (taken.RowsWaiting == 0) model.Remove(taken);
                    break;
                default:
                    if (!queue.TryTakeExpired(step, out QueueEntry? expired)) Assert.DoesNotContain(model, entry => entry.Deadline <= step);
                    else Assert.True(expired!.Deadline <= step && model.Remove((TestEntry)expired), $"seed {seed}, step {step}");
                    break;
            }

            AssertSame(model, queue, $"seed {seed}, step {step}");
        }
    }

    private static void AssertSame(List<TestEntry> model, RequestQueue queue, string where)
    {
        Assert.True(model.Count == queue.Count, where);
        Assert.True(model.Sum(entry => entry.RowsWaiting) == queue.Rows, where);
        Assert.True(model.Select(entry => entry.Deadline).Append(QueueEntry.NoDeadline).Min() == queue.EarliestDeadline, where);
        for (int level = 1; level <= 3; level++) Assert.True(model.Count(entry => entry.Priority == level) == queue.CountAtLevel(level), where);
        Assert.True(model.Select(entry => entry.ShapeKey).Distinct().Count() == queue.Buckets.Count, where);
        foreach (QueueBucket bucket in queue.Buckets)
        {
            List<QueueEntry> inBucket = [];
            for (QueueEntry? entry = bucket.First; entry is not null; entry = QueueBucket.Next(entry)) inBucket.Add(entry);
            QueueEntry[] expected = [.. model.Where(entry => entry.ShapeKey == bucket.First.ShapeKey).Order(ArrivalOrder.Instance)];
            Assert.True(expected.SequenceEqual(inBucket), where);
            Assert.True(expected.Length == bucket.Count, where);
            Assert.True(expected.Sum(entry => entry.RowsWaiting) == bucket.Rows, where);
        }
    }
}
