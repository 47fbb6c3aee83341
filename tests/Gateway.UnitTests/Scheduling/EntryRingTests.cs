using Gateway.Core.Scheduling;

namespace Gateway.UnitTests.Scheduling;

public sealed class EntryRingTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void InsertAndRemove_AtRandom_AgreesWithASortedList(int seed)
    {
        Random random = new(seed);
        EntryRing ring = new(ArrivalOrder.Instance);
        List<QueueEntry> model = [];
        for (int step = 0; step < 20_000; step++)
        {
            // Fills for a while, then empties, so that the ring grows, wraps around and runs dry.
            bool isFilling = step / 500 % 2 == 0;
            if (model.Count == 0 || random.Next(100) < (isFilling ? 60 : 40))
            {
                TestEntry entry = new() { Sequence = step, Priority = random.Next(1, 4), IsDelayed = random.Next(8) == 0 };
                ring.Insert(entry);
                int at = model.FindIndex(other => ArrivalOrder.Instance.Compare(other, entry) > 0);
                model.Insert(at < 0 ? model.Count : at, entry);
            }
            else
            {
                int index = random.Next(3) == 0 ? random.Next(model.Count) : 0;
                Assert.Equal(index, ring.IndexOf(model[index]));
                ring.RemoveAt(index);
                Assert.Equal(-1, ring.IndexOf(model[index]));
                model.RemoveAt(index);
            }

            Assert.True(model.Count == ring.Count, $"seed {seed}, step {step}");
            if (step % 50 == 0)
            {
                for (int i = 0; i < model.Count; i++) Assert.True(ReferenceEquals(model[i], ring[i]), $"seed {seed}, step {step}, index {i}");
            }
        }
    }

    [Fact]
    public void IndexOf_EqualInOrderButAnotherEntry_IsNotFound()
    {
        EntryRing ring = new(ArrivalOrder.Instance);
        ring.Insert(new TestEntry { Sequence = 7, Priority = 1 });

        Assert.Equal(-1, ring.IndexOf(new TestEntry { Sequence = 7, Priority = 1 }));
    }
}
