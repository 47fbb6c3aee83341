using Gateway.Core.Scheduling;

namespace Gateway.UnitTests.Scheduling;

public sealed class LatencyModelTests
{
    [Fact]
    public void Estimate_NothingKnown_IsZero() => Assert.Equal(0, new LatencyModel(8).Estimate(4));

    [Theory]
    [InlineData(1, 100)]
    [InlineData(2, 100)]
    [InlineData(4, 200)]
    [InlineData(6, 300)]
    [InlineData(8, 400)]
    [InlineData(16, 800)]
    public void Estimate_BetweenAndBesideSizesSeen_IsALine(int rows, long expected)
    {
        LatencyModel latency = new(16);
        latency.Record(2, 100, now: 0);
        latency.Record(8, 400, now: 0);

        Assert.Equal(expected, latency.Estimate(rows));
    }

    [Fact]
    public void EndProfile_CutShort_GuessesByTheLineThroughTheLastTwo()
    {
        LatencyModel latency = Profiled(8, (1, 1000), (2, 1100));

        Assert.Equal(1300, latency.Estimate(4));
        Assert.Equal(1700, latency.Estimate(8));
        Assert.Equal(8, latency.BestBatchRows);
    }

    [Theory]
    [InlineData(2400, 4)]
    [InlineData(5000, 2)]
    public void EndProfile_AsManyTicksARow_GuessesNoMore(int second, int expected)
    {
        LatencyModel latency = Profiled(4, (1, 2000), (2, second));

        Assert.Equal(second == 5000 ? 1 : expected, latency.BestBatchRows);
        Assert.InRange(latency.Estimate(4), second, 2 * second);
    }

    // Profiled as far as two rows, and the first batch of the server took three times as long: batches of five to nine rows, whose sizes nobody has measured, are as fast as was guessed.
    [Fact]
    public void Record_SlowFirstBatchOfAProfileCutShort_IsNotWhatLargeBatchesAreTakenFor()
    {
        LatencyModel latency = Profiled(16, (1, 21_000), (2, 22_000));
        latency.Record(1, 63_000, now: 0);
        Assert.InRange(latency.Estimate(16), 36_000, 1.25 * 36_000);

        for (int i = 0; i < 100; i++) latency.Record(5 + (i % 5), 25_000 + (1000 * (i % 5)), now: i);

        Assert.InRange(latency.Estimate(16), 0.97 * 36_000, 1.03 * 36_000);
        Assert.Equal(16, latency.BestBatchRows);
    }

    [Theory]
    [InlineData(400, 110)]
    [InlineData(55, 55)]
    public void Hope_IsTheProfileWhereThatIsLess(long taken, long expected)
    {
        LatencyModel latency = Profiled(1, (1, 110));
        for (int i = 0; i < 100; i++) latency.Record(1, taken, now: i);

        Assert.InRange(latency.Estimate(1), 0.99 * taken, 1.01 * taken);
        Assert.InRange(latency.Hope(1), 0.99 * expected, 1.01 * expected);
    }

    [Fact]
    public void Record_GuessWasTooGood_BatchesStopGrowingEarlier()
    {
        LatencyModel latency = Profiled(8, (1, 1000), (2, 1100));
        for (int i = 0; i < 20; i++)
        {
            latency.Record(8, 6800, now: i);
            latency.Record(4, 1300, now: i);
        }

        Assert.Equal(4, latency.BestBatchRows);
    }

    // A server's first batches are slow, and of the largest size where clients send all that they have: what those take is neither what the size takes nor a sign that the others are fast.
    [Fact]
    public void Record_FirstBatchesOfAGuessWereSlow_OnlyThoseAreForgotten()
    {
        long Time(int rows) => 4000 + (120 * rows);
        LatencyModel latency = Profiled(128, (1, Time(1)), (2, Time(2)), (4, Time(4)));
        for (int i = 0; i < 8; i++) latency.Record(128, 2 * Time(128), now: i);
        for (int i = 0; i < 200; i++) latency.Record(128, Time(128), now: i);
        Assert.Equal(128, latency.BestBatchRows);
        foreach (int rows in (int[])[4, 16, 64, 100]) Assert.InRange(latency.Estimate(rows), 0.95 * Time(rows), 1.1 * Time(rows));

        // Now others become known, of which each was guessed too.
        for (int i = 0; i < 100; i++)
        {
            latency.Record(1 << (i % 7), Time(1 << (i % 7)), now: i);
            Assert.Equal(128, latency.BestBatchRows);
        }
    }

    [Fact]
    public void Record_ALargerSizeIsKnown_ThoseBelowAreGuessedByIt()
    {
        LatencyModel latency = Profiled(16, (1, 1000), (2, 2000));
        Assert.Equal(8000, latency.Estimate(8));

        for (int i = 0; i < 100; i++) latency.Record(16, 3000, now: i);

        Assert.InRange(latency.Estimate(9), 2450, 2550);
    }

    [Fact]
    public void Record_AGuessWasGivenUpForItsFirstBatches_IsLookedBackAt()
    {
        long Time(int rows) => 4000 + (120 * rows);
        LatencyModel latency = Profiled(128, (1, Time(1)), (2, Time(2)), (4, Time(4)));
        for (int i = 0; i < 8; i++)
        {
            latency.Record(64, Time(64), now: i);
            latency.Record(128, 3 * Time(128), now: i);
        }

        Assert.Equal(64, latency.BestBatchRows);

        RunAsWished(latency, 1000, Time);

        Assert.Equal(128, latency.BestBatchRows);
    }

    // The second size was measured once, and disturbed: all that is guessed by it is no faster a row than one alone.
    [Fact]
    public void Record_NothingToDoForLong_LargerSizesAreTriedWhenThereIs()
    {
        long Time(int rows) => 20_000 + (1000 * rows);
        LatencyModel latency = Profiled(16, (1, Time(1)), (2, 44_000));
        Assert.Equal(1, latency.BestBatchRows);

        // One comes at a time, whatever is wished for.
        for (int i = 0; i < 5000; i++) latency.Record(1, Time(1), now: i);
        RunAsWished(latency, 6000, Time);

        Assert.Equal(16, latency.BestBatchRows);
    }

    [Theory]
    [InlineData(8)]
    [InlineData(100)]
    public void Record_AGuessWasLearnedInADisturbance_OthersAreNotTakenForFasterWhenThatIsOver(int disturbed)
    {
        long Time(int rows) => 4000 + (120 * rows);
        LatencyModel latency = Profiled(128, (1, Time(1)), (2, Time(2)), (4, Time(4)));
        for (int i = 0; i < disturbed; i++) latency.Record(128, 2 * Time(128), now: i);
        for (int i = 0; i < 600; i++) latency.Record(128, Time(128), now: i);

        Assert.InRange(latency.Estimate(1), 0.95 * Time(1), 1.2 * Time(1));
    }

    [Fact]
    public void Record_FirstSamples_IsTheirMean()
    {
        LatencyModel latency = new(4);
        foreach (long ticks in (long[])[100, 200, 300, 400]) latency.Record(4, ticks, now: 0);

        Assert.Equal(250, latency.Estimate(4));
    }

    [Theory]
    [InlineData(1_000_000, 2500)]
    [InlineData(0, 625)]
    public void Record_Outlier_IsClipped(long outlier, long expected)
    {
        LatencyModel latency = new(4);
        latency.Record(4, 1000, now: 0);
        latency.Record(4, outlier, now: 0);

        Assert.Equal(expected, latency.Estimate(4));
    }

    [Fact]
    public void Record_ModelHasBecomeSlower_FollowsByTenthsAfterTenSamples()
    {
        LatencyModel latency = new(4);
        for (int i = 0; i < 50; i++) latency.Record(4, 1000, now: 0);

        latency.Record(4, 2000, now: 0);

        Assert.Equal(1100, latency.Estimate(4));
    }

    [Theory]
    [InlineData(new long[] { 100, 110, 120, 400 }, 4)]
    [InlineData(new long[] { 100, 200, 400, 800 }, 1)]
    [InlineData(new long[] { 100, 150, 298, 600 }, 2)]
    [InlineData(new long[] { 100, 150, 294, 600 }, 4)]
    [InlineData(new long[] { 100, 150, 200, 250 }, 8)]
    public void EndProfile_Profile_TakesTheSmallestAsGoodAsTheBest(long[] ticksOf1248, int expected)
    {
        LatencyModel latency = new(8);
        for (int i = 0; i < 4; i++) latency.Profile(1 << i, ticksOf1248[i]);

        latency.EndProfile();

        Assert.Equal(expected, latency.BestBatchRows);
    }

    [Fact]
    public void EndProfile_NothingKnown_StaysTheMaximum()
    {
        LatencyModel latency = new(8);

        latency.EndProfile();

        Assert.Equal(8, latency.BestBatchRows);
    }

    [Fact]
    public void Estimate_ModelTwiceAsSlowAsProfiled_IsSoAtSizesThatDidNotRun()
    {
        LatencyModel latency = Profiled();
        for (int i = 0; i < 100; i++) latency.Record(2, 300, now: 0);

        Assert.Equal(300, latency.Estimate(2));
        Assert.Equal(200, latency.Estimate(1), 1.0);
        Assert.Equal(1200, latency.Estimate(8), 1.0);
    }

    [Fact]
    public void Estimate_SizeThatHasNotRunForLong_FollowsTheOthers()
    {
        LatencyModel latency = Profiled();
        for (int i = 0; i < 100; i++) latency.Record(8, 12_000, now: 0);
        for (int i = 0; i < 100; i++) latency.Record(1, 2_000, now: 0);
        Assert.Equal(12_000, latency.Estimate(8), 50.0);

        // As profiled again, which only batches of one say.
        for (int i = 0; i < LatencyModel.StaleAfter; i++) latency.Record(1, 100, now: 0);

        Assert.Equal(100, latency.Estimate(1), 1.0);
        Assert.Equal(600, latency.Estimate(8), 5.0);
    }

    [Theory]
    [InlineData(0.7)]
    [InlineData(1.3)]
    [InlineData(4)]
    public void Estimate_ProfileIsWrong_IsWithinFivePercentAfterAHundredBatches(double wrong)
    {
        LatencyModel latency = new(8);
        foreach (int rows in (int[])[1, 2, 4, 8]) latency.Profile(rows, (long)(wrong * (1000 + (500 * rows))));
        latency.EndProfile();
        Random random = new(1);
        for (int i = 0; i < 100; i++)
        {
            int rows = random.Next(1, 9);
            latency.Record(rows, 1000 + (500 * rows), now: 0);
        }

        for (int rows = 1; rows <= 8; rows++) Assert.InRange(latency.Estimate(rows), 0.95 * (1000 + (500 * rows)), 1.05 * (1000 + (500 * rows)));
    }

    [Fact]
    public void Record_AllBecomeSlower_TheSizeThatWasSeenBeforeIsNoBetterForIt()
    {
        LatencyModel latency = new(8, overhead: 10);
        foreach ((int rows, long ticks) in ((int, long)[])[(1, 120), (2, 210), (4, 400), (8, 790)]) latency.Profile(rows, ticks);
        latency.EndProfile();
        for (int i = 0; i < 100; i++)
        {
            latency.Record(8, 790, now: i);
            latency.Record(4, 400, now: i);
        }

        for (int i = 0; i < 300; i++) latency.Record(4, 400, now: i);
        for (int i = 0; i < 1000; i++)
        {
            latency.Record(4, 460, now: i);
            Assert.Equal(4, latency.BestBatchRows);
        }

        // But this is no slowness of all.
        for (int i = 0; i < 200; i++)
        {
            latency.Record(4, 460, now: i);
            latency.Record(8, 790, now: i);
        }

        Assert.Equal(8, latency.BestBatchRows);
    }

    // While there is little to do large batches are those that came together during a disturbance; under load after it nobody would run one of them again.
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Record_OnlyTheBestSizeMetADisturbance_IsTheBestAgainWhenThatIsOver(bool isProfiled)
    {
        long Time(int rows) => 10_000 + (1000 * rows);
        LatencyModel latency = isProfiled ? Profiled(16, (1, Time(1)), (2, Time(2)), (4, Time(4)), (8, Time(8)), (16, Time(16))) : new(16);
        for (int i = 0; i < 400; i++) latency.Record(1 << (i % 5), Time(1 << (i % 5)), now: i);
        Assert.Equal(16, latency.BestBatchRows);
        for (int i = 0; i < 400; i++)
        {
            latency.Record(16, 2 * Time(16), now: i);
            latency.Record(8, Time(8), now: i);
        }

        Assert.Equal(8, latency.BestBatchRows);
        RunAsWished(latency, 1000, Time);

        Assert.Equal(16, latency.BestBatchRows);
    }

    [Fact]
    public void Record_TheBestSizeHasBecomeSlowForGood_IsTriedLessAndLessOften()
    {
        long Time(int rows) => rows == 16 ? 50_000 : 10_000 + (1000 * rows);
        LatencyModel latency = Profiled(16, (1, Time(1)), (2, Time(2)), (4, Time(4)), (8, Time(8)), (16, 26_000));
        int[] tries = new int[4];
        for (int i = 0; i < 40_000; i++)
        {
            int rows = latency.RowsToTry > 0 ? latency.RowsToTry : latency.BestBatchRows;
            latency.Record(rows, Time(rows), now: i);
            if (rows == 16) tries[i / 10_000]++;
        }

        Assert.Equal(8, latency.BestBatchRows);
        Assert.InRange(tries[1], 1, 24);
        Assert.InRange(tries[2] + tries[3], 1, 24);
    }

    [Fact]
    public void Record_FastAgainAfterLong_IsLearnedInAFewRunsAndTheNextIsWorthATryAtOnce()
    {
        LatencyModel latency = Profiled();
        for (int i = 0; i < 200; i++) latency.Record(1, 2000, now: i);
        Assert.InRange(latency.Estimate(1), 1900, 2000);

        // One may be luck.
        latency.Record(1, 100, now: 1000);
        Assert.InRange(latency.Estimate(1), 1700, 2000);
        Assert.Equal(long.MinValue, latency.RecordedAt);

        for (int i = 0; i < 8; i++) latency.Record(1, 100, now: 1001 + i);
        Assert.InRange(latency.Estimate(1), 100, 250);
        Assert.InRange(latency.Estimate(8), 600, 1500);

        latency.Record(1, 100, now: 2000);
        latency.Record(1, 100, now: 2001);
        Assert.Equal(2001, latency.RecordedAt);
    }

    [Fact]
    public void Record_NowAndThenAFastOne_IsNoNews()
    {
        LatencyModel latency = Profiled();
        for (int i = 0; i < 1000; i++) latency.Record(8, i % 4 == 0 ? 200 : 600, now: i);

        Assert.InRange(latency.Estimate(8), 450, 550);
    }

    [Fact]
    public void DeviationOf_EachSizeHasItsOwn()
    {
        LatencyModel latency = Profiled(4, (1, 1000), (2, 1500), (4, 2500));
        for (int i = 0; i < 200; i++)
        {
            latency.Record(1, i % 2 == 0 ? 800 : 1200, now: i);
            latency.Record(4, 2500, now: i);
        }

        Assert.InRange(latency.DeviationOf(1), 0.15, 0.25);
        Assert.InRange(latency.DeviationOf(4), 0, 0.01);
        Assert.Equal(latency.Deviation, latency.DeviationOf(2));
        Assert.InRange(latency.Deviation, 0.1, 0.2);

        // Nothing of one size for long: it is taken for one that nothing is known of.
        for (int i = 0; i < 600; i++) latency.Record(4, 2500, now: i);
        Assert.Equal(latency.Deviation, latency.DeviationOf(1));
    }

    [Fact]
    public void Deviation_IsLearned()
    {
        LatencyModel latency = Profiled();
        Assert.Equal(0.1, latency.Deviation, 0.001);
        Random random = new(1);
        for (int i = 0; i < 2000; i++) latency.Record(4, (long)(200 * (1 + (0.2 * Gauss(random)))), now: 0);

        Assert.Equal(0.2, latency.Deviation, 0.05);
        for (int i = 0; i < 500; i++) latency.Record(4, 200, now: 0);
        Assert.Equal(0, latency.Deviation, 0.01);
    }

    private static double Gauss(Random random) => Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());

    /// <summary>Runs batches of the best size, and of another where that is wished for.</summary>
    private static void RunAsWished(LatencyModel latency, int batches, Func<int, long> time)
    {
        for (int i = 0; i < batches; i++)
        {
            int rows = latency.RowsToTry > 0 ? latency.RowsToTry : latency.BestBatchRows;
            latency.Record(rows, time(rows), now: i);
        }
    }

    private static LatencyModel Profiled() => Profiled(8, (1, 100), (2, 150), (4, 250), (8, 600));

    private static LatencyModel Profiled(int maxBatchRows, params ReadOnlySpan<(int Rows, long Ticks)> sizes)
    {
        LatencyModel latency = new(maxBatchRows);
        foreach ((int rows, long ticks) in sizes) latency.Profile(rows, ticks);
        latency.EndProfile();
        return latency;
    }
}
