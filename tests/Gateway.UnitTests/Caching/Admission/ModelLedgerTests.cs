using Gateway.Core.Caching.Admission;

namespace Gateway.UnitTests.Caching.Admission;

public sealed class ModelLedgerTests
{
    private const long Never = long.MinValue;

    [Fact]
    public void Add_BeyondTheQuota_TheOlderHalfIsOldAndTheOldestBatchGoes()
    {
        ModelLedger ledger = new(quota: 3200, capacity: 1 << 20);
        for (int i = 0; i < 16; i++) Assert.Equal(0, ledger.Add(100 * i, 100, created: i));
        Assert.False(ledger.IsOld(0));
        Assert.False(ledger.IsFull);
        for (int i = 16; i < 32; i++) Assert.Equal(0, ledger.Add(100 * i, 100, created: i));

        Assert.True(ledger.IsFull);
        Assert.True(ledger.IsOld(1500));
        Assert.False(ledger.IsOld(1600));
        Assert.Equal(1, ledger.Add(3200, 100, created: 32));
        Assert.Equal((100, 3200, 32), (ledger.Floor, ledger.Bytes, ledger.Entries));
    }

    // Entries that are large against the quota: two and a half of them, three.
    [Theory]
    [InlineData(400, 1)]
    [InlineData(300, 2)]
    [InlineData(150, 3)]
    public void Add_LargeEntries_IsFullAndTheOlderHalfIsOld(int bytes, int old)
    {
        ModelLedger ledger = new(quota: 1000, capacity: 1 << 20);
        for (int i = 0; i < 20; i++) ledger.Add(1000 * i, bytes, created: i);

        Assert.True(ledger.IsFull);
        int kept = 1000 / bytes;
        Assert.Equal(1000 * (20 - kept), ledger.Floor);
        Assert.Equal(old, Enumerable.Range(20 - kept, kept).Count(i => ledger.IsOld(1000 * i)));
    }

    [Fact]
    public void IsFull_WithoutAQuota_Never()
    {
        ModelLedger ledger = new(quota: long.MaxValue, capacity: 3200);
        for (int i = 0; i < 100; i++) ledger.Add(100 * i, 100, created: i);

        Assert.False(ledger.IsFull);
    }

    [Fact]
    public void Advance_BatchesThatAreTooOldForAnyRequest_AreGivenUp()
    {
        ModelLedger ledger = new(quota: 3200, capacity: 1 << 20);
        for (int i = 0; i < 32; i++) ledger.Add(100 * i, 100, created: 1000 + i);

        Assert.Equal(0, ledger.Advance(begin: 0, head: 0, Never));
        Assert.Equal(10, ledger.Advance(begin: 0, head: 0, overUntil: 1009));
        Assert.Equal((1000, 2200, 22), (ledger.Floor, ledger.Bytes, ledger.Entries));
        Assert.False(ledger.IsFull);
        Assert.Equal(2, ledger.Advance(begin: 1200, head: 1200, Never));
    }
}
