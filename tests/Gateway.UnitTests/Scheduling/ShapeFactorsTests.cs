using Gateway.Core.Scheduling;

namespace Gateway.UnitTests.Scheduling;

/// <summary>What is learned of the sizes of rows: classes for 32, 128 and 512 elements are 10, 14 and 18.</summary>
public sealed class ShapeFactorsTests
{
    private const int Short = 10;
    private const int Middle = 14;
    private const int Long = 18;

    private readonly LatencyModel _latency = new(8);

    private ShapeFactors Shapes => _latency.Shapes;

    [Theory]
    [InlineData(0, 0)]
    [InlineData(1, 0)]
    [InlineData(2, 2)]
    [InlineData(32, Short)]
    [InlineData(38, Short)]
    [InlineData(39, Short + 1)]
    [InlineData(128, Middle)]
    [InlineData(512, Long)]
    [InlineData(long.MaxValue, ShapeClasses.Count - 1)]
    public void Class_IsInHalvesOfAnOctaveAndBounded(long elements, int expected) => Assert.Equal(expected, ShapeClasses.Of(elements));

    [Fact]
    public void OneClass_ItsFactorIsOne()
    {
        for (int i = 0; i < 2000; i++) _latency.Record(1 + (i % 8), 100 + (i % 7), now: i);

        Assert.Equal((1, 1, 1, 0), (Shapes.Of(0), Shapes.Usual, Shapes.Longest, Shapes.Smallest));
        Assert.Equal([(0, 1)], Shapes.Seen);
    }

    // No model with free dimensions is profiled, so the curve and the factors have to be told apart by what comes.
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Record_BatchesOfSeveralClasses_CurveAndFactorsAreLearnedApart(bool isProfiled)
    {
        if (isProfiled) Profile();
        Random random = new(1);
        int[] classes = [Short, Middle, Long];
        for (int i = 0; i < 300; i++)
        {
            int shape = classes[random.Next(3)];
            int rows = random.Next(1, 9);
            _latency.Record(rows, (long)(Curve(rows) * Times(shape) * (0.95 + (0.1 * random.NextDouble()))), now: i, shape);
        }

        foreach (int shape in classes)
        {
            for (int rows = 1; rows <= 8; rows++) Assert.InRange(_latency.Estimate(rows) * Shapes.Of(shape) / (Curve(rows) * Times(shape)), 0.9, 1.1);
        }

        if (isProfiled) Assert.Equal(1, Shapes.Of(Short));
        Assert.InRange(_latency.Deviation, 0, 0.1);
        Assert.InRange(Shapes.Of(Middle) / Shapes.Of(Short), 3.7, 4.3);
        Assert.InRange(Shapes.Of(Long) / Shapes.Of(Short), 14.8, 17.2);
        Assert.Equal(classes, Shapes.Seen.Select(each => each.ShapeClass));
    }

    // A class whose batches are all of other sizes than the others': what is the curve's and what the factor's cannot be told, but together they are right.
    [Fact]
    public void Record_BatchesOfOneClassHaveTheirOwnRows_WhatTheyTakeIsLearnedAllTheSame()
    {
        for (int i = 0; i < 40; i++)
        {
            _latency.Record(1, (long)Curve(1), now: i, Short);
            _latency.Record(8, (long)(3 * Curve(8)), now: i, Long);
        }

        Assert.InRange(_latency.Estimate(8) * Shapes.Of(Long) / (3 * Curve(8)), 0.95, 1.05);
        Assert.InRange(_latency.Estimate(1) / Curve(1), 0.99, 1.01);
    }

    // With one mean for both it would be somewhere between.
    [Fact]
    public void Record_LongOnesRun_ShortOnesAreTakenForWhatTheyWere()
    {
        for (int i = 0; i < 20; i++) _latency.Record(1, 1000, now: i, Short);
        for (int i = 0; i < 200; i++) _latency.Record(1, 16_000, now: i, Long);

        Assert.InRange(_latency.Estimate(1) * Shapes.Of(Short), 950, 1050);
        Assert.InRange(_latency.Estimate(1) * Shapes.Of(Long), 15_200, 16_800);
        Assert.InRange(Shapes.Usual / Shapes.Of(Short), 15, 17);
        Assert.Equal(Short, Shapes.Smallest);
    }

    [Fact]
    public void Guess_OneIsKnown_LargerOnesGrowInProportionAndSmallerOnesFallWithTheRoot()
    {
        _latency.Record(1, 1000, now: 0, Middle);

        Assert.Equal(4, Shapes.Of(Long), 1e-9);
        Assert.Equal(0.5, Shapes.Of(Short), 1e-9);
        for (int shape = 1; shape < ShapeClasses.Count; shape++) Assert.True(Shapes.Of(shape) > Shapes.Of(shape - 1));
    }

    [Fact]
    public void Guess_BetweenAndBesideKnownOnes_IsOnTheirLine()
    {
        Profile();
        for (int i = 0; i < 10; i++) _latency.Record(1, (long)(4 * Curve(1)), now: i, Long);

        Assert.Equal(2, Shapes.Of(Middle), 0.01);
        Assert.Equal(8, Shapes.Of(Long + 2), 0.05);
        Assert.Equal(0.5, Shapes.Of(Short - 4), 0.01);
    }

    [Fact]
    public void Guess_LongerRunsOfSmallerRows_SmallerOnesAreNotGuessedToTakeLongerStill()
    {
        Profile();
        for (int i = 0; i < 10; i++) _latency.Record(1, (long)(0.5 * Curve(1)), now: i, Long);

        Assert.Equal(1, Shapes.Of(Short - 4), 1e-9);
    }

    [Fact]
    public void Record_Stall_IsClipped()
    {
        Profile();
        for (int i = 0; i < 50; i++) _latency.Record(1, (long)(16 * Curve(1)), now: i, Long);

        _latency.Record(1, (long)(2000 * Curve(1)), now: 50, Long);

        Assert.InRange(Shapes.Of(Long), 16, 1.16 * 16);
        Assert.InRange(_latency.Estimate(1), Curve(1), 1.4 * Curve(1));
    }

    [Fact]
    public void Record_StallOfTheFirst_IsClippedAtFourTimesTheGuessAndForgotten()
    {
        Profile();
        _latency.Record(1, (long)(2000 * Curve(1)), now: 0, Middle);
        Assert.Equal(16, Shapes.Of(Middle), 0.01);

        for (int i = 0; i < 100; i++) _latency.Record(1, (long)(4 * Curve(1)), now: i, Middle);

        Assert.InRange(_latency.Estimate(1) * Shapes.Of(Middle) / (4 * Curve(1)), 0.99, 1.02);
    }

    [Fact]
    public void Record_FirstIsFarFasterThanGuessed_IsTakenForThat()
    {
        Profile();
        double deviation = _latency.Deviation;

        _latency.Record(1, (long)(0.5 * Curve(1)), now: 0, Long);

        Assert.Equal(0.5, Shapes.Of(Long), 0.01);
        Assert.Equal(deviation, _latency.Deviation);
    }

    // Refused ever since a stall, it would teach nothing.
    [Fact]
    public void LearnedLongAgo_IsGuessedAnewWhereThatIsLess()
    {
        Profile();
        _latency.Record(1, (long)(64 * Curve(1)), now: 0, Long);
        for (int i = 0; i < 50; i++) _latency.Record(1, (long)(2 * Curve(1)), now: i, Middle);
        Assert.InRange(Shapes.Of(Long), 60, 64);
        double middle = Shapes.Of(Middle);

        for (int i = 0; i < LatencyModel.StaleAfter + 40; i++) _latency.Record(1, (long)Curve(1), now: i, Short);

        Assert.InRange(Shapes.Of(Long), 4 * middle, 16);
        Assert.InRange(Shapes.Of(Middle), middle, 1.01 * middle);
    }

    [Fact]
    public void NeverSeen_IsHopedToBeFastNowAndThen()
    {
        Profile();
        int hopeful = 0;
        for (int i = 0; i < 4096; i++)
        {
            _latency.Record(1, (long)Curve(1), now: i, Short);
            bool isHoped = Shapes.Of(Long) < 1.01;
            if (isHoped) hopeful++;
            else Assert.Equal(16, Shapes.Of(Long), 1e-9);
            Assert.Equal(isHoped ? 0 : Short, Shapes.Smallest);
            Assert.Equal(isHoped ? 0.25 : 0.5, Shapes.Of(Short - 4), 1e-9);
        }

        // For a thirty-second of the time.
        Assert.InRange(hopeful, 96, 128);
    }

    private static double Curve(int rows) => 1000 + (500 * rows);

    private static double Times(int shape) => shape switch { Short => 1, Middle => 4, _ => 16 };

    private void Profile()
    {
        foreach (int rows in (int[])[1, 2, 4, 8]) _latency.Profile(rows, (long)Curve(rows));
        _latency.EndProfile(Short);
    }
}
