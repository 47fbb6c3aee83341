using Gateway.Core.Scheduling;

namespace Gateway.UnitTests.Scheduling;

public sealed class EntryTreeTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void InsertRemoveTakeRows_AtRandom_AgreesWithASortedList(int seed)
    {
        Random random = new(seed);
        EntryTree<BucketPlace> tree = new(ArrivalOrder.Instance);
        List<QueueEntry> model = [];
        for (int step = 0; step < 20_000; step++)
        {
            // Fills for a while, then empties, so that the tree grows and runs dry.
            bool isFilling = step / 500 % 2 == 0;
            if (model.Count == 0 || random.Next(100) < (isFilling ? 60 : 40))
            {
                TestEntry entry = new() { Sequence = step, Priority = random.Next(1, 4), IsDelayed = random.Next(8) == 0, Rows = random.Next(1, 10) };
                Assert.Equal(RowsBefore(model, entry), tree.RowsBefore(entry));
                tree.Insert(entry);
                int at = model.FindIndex(other => ArrivalOrder.Instance.Compare(other, entry) > 0);
                model.Insert(at < 0 ? model.Count : at, entry);
            }
            else
            {
                QueueEntry entry = model[random.Next(3) == 0 ? random.Next(model.Count) : 0];
                if (entry.RowsWaiting > 1 && random.Next(4) == 0)
                {
                    EntryTree<BucketPlace>.TakeRows(entry, 1);
                    entry.RowsTaken++;
                }
                else
                {
                    Assert.True(tree.Remove(entry));
                    Assert.False(tree.Remove(entry));
                    model.Remove(entry);
                }
            }

            Assert.True(model.Count == tree.Count && model.Sum(entry => (long)entry.RowsWaiting) == tree.Rows, $"seed {seed}, step {step}");
            Assert.True(ReferenceEquals(model.FirstOrDefault(), tree.First), $"seed {seed}, step {step}");
            if (step % 50 == 0) Assert.Equal(model, InOrder(tree));
        }
    }

    [Fact]
    public void Insert_InOrder_StaysShallow()
    {
        EntryTree<BucketPlace> tree = new(ArrivalOrder.Instance);
        List<QueueEntry> entries = [.. Enumerable.Range(1, 100_000).Select(i => new TestEntry { Sequence = i, Priority = 1 })];
        foreach (QueueEntry entry in entries) tree.Insert(entry);

        // Expected depth of a treap is about 2 ln n, 23 here; a chain would be 100,000.
        Assert.InRange(entries.Max(Depth), 17, 80);
    }

    private static int Depth(QueueEntry entry)
    {
        int depth = 0;
        for (QueueEntry? above = entry; above is not null; above = above.InBucket.Parent) depth++;
        return depth;
    }

    private static long RowsBefore(List<QueueEntry> model, QueueEntry entry) =>
        model.Where(other => ArrivalOrder.Instance.Compare(other, entry) < 0).Sum(other => (long)other.RowsWaiting);

    private static IEnumerable<QueueEntry> InOrder(EntryTree<BucketPlace> tree)
    {
        for (QueueEntry? entry = tree.First; entry is not null; entry = EntryTree<BucketPlace>.Next(entry)) yield return entry;
    }
}
