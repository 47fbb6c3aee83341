using Gateway.Server.Calls;

namespace Gateway.UnitTests.Frames;

public sealed class ArrivalCurveTests
{
    [Fact]
    public void ArrivedAt_BetweenTwoLooks_ComesEvenly()
    {
        ArrivalCurve curve = new();
        curve.Add(1000, 0);
        curve.Add(2000, 100);

        Assert.Equal([1000, 1250, 1500, 2000], new long[] { 0, 25, 50, 100 }.Select(curve.ArrivedAt));
    }

    [Fact]
    public void ArrivedAt_NothingCameUntilNow_IsNow()
    {
        ArrivalCurve curve = new();
        curve.Add(1000, 50);
        curve.Add(9000, 50);
        curve.Add(9000, 80);

        Assert.Equal(9000, curve.ArrivedAt(50));
        Assert.Equal(9000, curve.ArrivedAt(79));
    }

    [Fact]
    public void ArrivedAt_MoreLooksThanAreRemembered_CountsFromTheOldest()
    {
        ArrivalCurve curve = new();
        for (int i = 0; i < 1000; i++) curve.Add(i, 10 * i);

        Assert.Equal(1000 - 64, curve.ArrivedAt(0));
        Assert.Equal(980, curve.ArrivedAt(9800));
    }

    [Fact]
    public void ArrivedAt_RandomConnection_IsWithinTheLooksAroundIt()
    {
        Random random = new(3);
        for (int round = 0; round < 200; round++)
        {
            ArrivalCurve curve = new();
            List<(long Time, long Bytes)> looks = [];
            long time = 0;
            long bytes = 0;
            long position = 0;
            for (int i = 0; i < 60; i++)
            {
                time += random.Next(1, 100);
                bytes += random.Next(3) == 0 ? 0 : random.Next(1, 5000);
                looks.Add((time, bytes));
                curve.Add(time, bytes);
                if (position >= bytes) continue;
                position = random.NextInt64(position, bytes);
                long came = curve.ArrivedAt(position);
                long after = looks.First(look => look.Bytes > position).Time;
                long before = looks.LastOrDefault(look => look.Bytes <= position).Time;
                Assert.InRange(came, Math.Min(before, looks[0].Time), after);
            }
        }
    }
}
