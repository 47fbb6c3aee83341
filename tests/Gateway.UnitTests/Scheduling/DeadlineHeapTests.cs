using Gateway.Core.Scheduling;

namespace Gateway.UnitTests.Scheduling;

public sealed class DeadlineHeapTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void AddAndRemove_AtRandom_AgreesWithAList(int seed)
    {
        Random random = new(seed);
        DeadlineHeap heap = new();
        List<QueueEntry> model = [];
        for (int step = 0; step < 20_000; step++)
        {
            bool isFilling = step / 500 % 2 == 0;
            if (model.Count == 0 || random.Next(100) < (isFilling ? 60 : 40))
            {
                // Few values, so that equal deadlines are common.
                TestEntry entry = new() { Deadline = random.Next(50), TimesOutAt = random.Next(50) };
                heap.Add(entry);
                model.Add(entry);
            }
            else
            {
                QueueEntry entry = random.Next(2) == 0 ? heap.Earliest! : model[random.Next(model.Count)];
                heap.Remove(entry);
                model.Remove(entry);
                Assert.Equal(-1, entry.HeapIndex);
            }

            long? expected = model.Count == 0 ? null : model.Min(entry => entry.DueAt);
            Assert.True(heap.Earliest?.DueAt == expected, $"seed {seed}, step {step}: {heap.Earliest?.DueAt}, not {expected}");
        }
    }

    [Fact]
    public void Remove_EntryThatIsNotIn_DoesNothing()
    {
        DeadlineHeap heap = new();
        TestEntry entry = new() { Deadline = 1 };
        heap.Add(entry);

        heap.Remove(new TestEntry { Deadline = 1 });

        Assert.Same(entry, heap.Earliest);
    }
}
