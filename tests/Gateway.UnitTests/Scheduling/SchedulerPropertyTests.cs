using Gateway.Core.Tenants;
using Gateway.TestSupport;

namespace Gateway.UnitTests.Scheduling;

/// <summary>What holds of the default policy whatever comes: seeded days of arrivals, batches and cancellations, with and without tenants.</summary>
public sealed class SchedulerPropertyTests
{
    private const int Days = 40;

    // Every request leaves once, by a batch, a refusal or a cancellation, with all of its rows; no counter of the queue forgets one.
    [Fact]
    public void EveryRequestLeavesOnce_WithAllOfItsRows()
    {
        for (int seed = 0; seed < Days; seed++)
        {
            SchedulerDay day = new(seed);
            SchedulerDay.Result result = day.Run();

            Assert.Equal(result.Arrived.Count, result.Left.Count);
            Assert.Equal(result.Arrived.Count, result.Left.Select(each => each.Sequence).Distinct().Count());
            Assert.Equal((0, 0L, 0, 0), (day.Queue.Count, day.Queue.Rows, day.Queue.Shares.Active, day.Queue.Shares.Requests));
            Assert.All(result.Left.Where(each => each.IsServed), each => Assert.Equal(0, each.Entry.RowsWaiting));
            Assert.Empty(day.Queue.Buckets);
        }
    }

    // Batches take what is expected of them: whoever is served is in time, with whomever, in however many parts. Parts are run for nothing only where the instance is found to be
    // free later than it is, which nobody could know.
    [Fact]
    public void WhoeverIsServedIsInTime()
    {
        long rows = 0;
        long wasted = 0;
        for (int seed = 0; seed < Days; seed++)
        {
            SchedulerDay.Result result = new SchedulerDay(seed).Run();

            Assert.All(result.Left.Where(each => each.IsServed), each => Assert.True(each.AnsweredAt <= each.Entry.Deadline, $"seed {seed}: {each.Entry} ends at {each.AnsweredAt}, due {each.Entry.Deadline}"));
            rows += result.Left.Sum(each => each.Entry.RowsTaken);
            wasted += result.Left.Where(each => !each.IsServed).Sum(each => each.Entry.RowsTaken);
        }

        Assert.InRange(wasted / (double)rows, 0, 0.01);
    }

    // The same day at another hour: decisions depend on differences of times alone.
    [Fact]
    public void DecisionsDoNotDependOnTheClock()
    {
        for (int seed = 0; seed < Days; seed++)
        {
            string here = new SchedulerDay(seed).Run().Log;

            Assert.Equal(here, new SchedulerDay(seed, origin: 5_000_000_007).Run().Log);
            Assert.Equal(here, new SchedulerDay(seed, origin: 1L << 52).Run().Log);
        }
    }

    // A machine that slept, or a clock that was set: nobody is lost, and of those that come afterwards as many are served as on any day.
    [Theory]
    [InlineData(3_600_000)]
    [InlineData(-3_600_000)]
    [InlineData(1L << 50)]
    public void ClockSteps_TheDayGoesOn(long step)
    {
        int usual = 0;
        int after = 0;
        for (int seed = 0; seed < Days; seed++)
        {
            SchedulerDay.Result calm = new SchedulerDay(seed, origin: 10_000_000).Run();
            SchedulerDay day = new(seed, origin: 10_000_000, step: step);
            SchedulerDay.Result result = day.Run();

            Assert.Equal(result.Arrived.Count, result.Left.Select(each => each.Sequence).Distinct().Count());
            Assert.Equal((0, 0L), (day.Queue.Count, day.Queue.Rows));
            usual += calm.Left.Count(each => each.IsServed && each.Sequence > calm.LastInFirstHalf);
            after += result.Left.Count(each => each.IsServed && each.Sequence > result.LastInFirstHalf);
        }

        Assert.InRange(after / (double)usual, 0.95, 1.2);
    }

    // Buckets and lanes are kept in no particular order, and tenants have numbers: none of it may show.
    [Fact]
    public void DecisionsDoNotDependOnTheOrderInWhichTenantsOrShapesAreKept()
    {
        for (int seed = 0; seed < Days; seed++)
        {
            string here = new SchedulerDay(seed).Run().Log;

            Assert.Equal(here, new SchedulerDay(seed, isReversed: true).Run().Log);
            Assert.Equal(here, new SchedulerDay(seed, shapeSalt: 77).Run().Log);
        }
    }

    // Of one tenant and level, and without a deadline for which it could be left out, nobody is overtaken.
    [Fact]
    public void WithinAClass_FirstInFirstOut()
    {
        for (int seed = 0; seed < Days; seed++)
        {
            SchedulerDay.Result result = new SchedulerDay(seed, hasOneShape: true, hasOneSize: true).Run();

            foreach (IGrouping<(Tenant?, int, long), SchedulerDay.Departure> each in result.Left.Where(left => left.IsServed && left.TimeToAnswer == 0).GroupBy(left => (left.Entry.Tenant, left.Entry.Priority, left.TimeToAnswer)))
            {
                long[] sequences = [.. each.Select(left => left.Sequence)];
                Assert.Equal(sequences.Order(), sequences);
            }
        }
    }

    // While a tenant has something waiting all along, no other is given more than its weight says, but for what two batches hold.
    [Fact]
    public void Backlogged_RowsGivenAreAsTheWeights()
    {
        for (int seed = 0; seed < Days; seed++)
        {
            Random random = new(seed);
            double[] weights = [.. Enumerable.Range(0, random.Next(2, 9)).Select(_ => random.Next(1, 9) / 2.0)];
            Tenant[] tenants = TestTenants.OfWeights(weights);
            SchedulerDay day = new(seed, tenants: tenants);

            double[] given = day.ServeBacklog(batches: 400);

            double[] normal = [.. given.Select((rows, i) => rows / weights[i])];
            Assert.True(normal.Max() - normal.Min() <= 2 * SchedulerDay.MaxBatchRows / weights.Min(), $"seed {seed}: {string.Join(", ", normal)}");
        }
    }

    // Whoever was let in and has no deadline is served in the end, however many come meanwhile with tenants of their own.
    [Fact]
    public void NobodyStarves()
    {
        for (int seed = 0; seed < Days; seed++)
        {
            Tenant[] tenants = TestTenants.OfWeights(1, 20, 20);
            SchedulerDay day = new(seed, tenants: tenants);

            int batches = day.BatchesUntilServed(tenants[0], rows: SchedulerDay.MaxBatchRows);

            // Its part is a 41st of the rows; a batch has eight.
            Assert.InRange(batches, 1, 41 + 2);
        }
    }
}
