using Gateway.Core.Overflow;

namespace Gateway.UnitTests.Overflow;

public sealed class RetryBudgetTests
{
    [Fact]
    public void TrySpend_Full_TwentyTimes()
    {
        RetryBudget budget = new();

        Assert.Equal(20, SpendAll(budget));
        Assert.False(budget.HasToken);
    }

    [Fact]
    public void Earn_TenAnswers_OneToken()
    {
        RetryBudget budget = new();
        SpendAll(budget);

        for (int i = 0; i < 9; i++) budget.Earn();
        Assert.False(budget.HasToken);
        Assert.False(budget.TrySpend());
        budget.Earn();

        Assert.True(budget.HasToken);
        Assert.Equal(1, SpendAll(budget));
    }

    [Fact]
    public void Saved_AndDenied_SayWhatThereIs_AndWhatThereWasNot()
    {
        RetryBudget budget = new();
        Assert.True(budget.TrySpend());
        Assert.Equal((19, 0), (budget.Saved, budget.Denied));

        SpendAll(budget);
        for (int i = 0; i < 9; i++) budget.Earn();
        Assert.False(budget.TrySpend());

        // The last of those that spend all is denied, too.
        Assert.Equal((0, 2), (budget.Saved, budget.Denied));
    }

    [Fact]
    public void Earn_Much_SavesUpTwenty()
    {
        RetryBudget budget = new();
        for (int i = 0; i < 10_000; i++) budget.Earn();

        Assert.Equal(20, SpendAll(budget));
    }

    [Fact]
    public void Concurrent_NeverSpendsMoreThanThereWas()
    {
        RetryBudget budget = new();
        int spent = 0;
        const int Earned = 20_000;

        Parallel.For(0, 8, thread =>
        {
            for (int i = 0; i < Earned / 4; i++)
            {
                if (thread < 4) budget.Earn();
                else if (budget.TrySpend()) Interlocked.Increment(ref spent);
            }
        });

        Assert.InRange(spent + SpendAll(budget), 20, 20 + (Earned / 10));
    }

    private static int SpendAll(RetryBudget budget)
    {
        int spent = 0;
        while (budget.TrySpend()) spent++;
        return spent;
    }
}
