using Gateway.Core.Caching;
using Gateway.Core.Caching.Admission;

namespace Gateway.UnitTests.Caching;

public sealed class ValidityTests
{
    [Fact]
    public void Clear_ClockSetBackByLittle_HidesWhatWasMadeUntilTheFloorDoes()
    {
        ModelLedger ledger = new(long.MaxValue, 1 << 20);
        Validity validity = new(ledger, timeToLive: null, clearedAt: 0);
        ledger.Add(64, 100, created: 900);
        validity.Clear(now: 1000);
        validity.HideUntil(1500);
        Assert.Equal((0, 1500), Test(1000));

        validity.RaiseFloor(validity.Clears, tail: 200);
        Assert.Equal((200, 0), Test(1000));

        // What has been made since is no older when the clock has got there again.
        Assert.Equal((200, 0), Test(2000));

        // The next one is not there yet.
        validity.Clear(now: 2000);
        Assert.Equal((200, 2000), Test(2000));

        (long MinAddress, long After) Test(long now) => validity.TestFor(default, maxAgeSeconds: 0, now) is var test ? (test.MinAddress, test.After) : default;
    }
}
