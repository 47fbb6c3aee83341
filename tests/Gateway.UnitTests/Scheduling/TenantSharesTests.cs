using Gateway.Core.Scheduling;
using Gateway.Core.Tenants;
using Gateway.TestSupport;

namespace Gateway.UnitTests.Scheduling;

public sealed class TenantSharesTests
{
    [Fact]
    public void Of_TenantInThePlaceOfOneThatWasLetGo_BeginsAnew()
    {
        ManualTimeProvider time = new();
        TenantShares shares = new(DeadlineOrder.Instance);
        Tenant gone = new("gone", 1, new TenantLimits { Weight = 2 }, time);
        Tenant next = new("next", 1, new TenantLimits { Weight = 1 }, time);
        Tenant third = new("third", 0, new TenantLimits(), time);
        TenantShare old = shares.Of(gone)!;
        shares.Enter(old, 10, due: 100);
        shares.Charge(old, 10);
        shares.Leave(old, 10);
        shares.Enter(shares.Of(third)!, 5, due: 100);

        // Nothing is its own yet, whatever the one before had.
        Assert.Equal(0, shares.PortionAhead(next, 5, due: 100));
        TenantShare share = shares.Of(next)!;

        Assert.NotSame(old, share);
        Assert.Same(next, share.Tenant);
        Assert.Same(share, shares.Of(next));
        shares.Enter(share, 3, due: 100);
        Assert.Equal((2, 2, 0d), (shares.Active, shares.Requests, share.VirtualTime));
    }
}
