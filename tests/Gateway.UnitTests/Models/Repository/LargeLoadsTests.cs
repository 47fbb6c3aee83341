using Gateway.Core.Models.Repository;
using Gateway.Protocol;

namespace Gateway.UnitTests.Models.Repository;

public sealed class LargeLoadsTests
{
    [Fact]
    public void Enter_MoreThanMayBe_IsRefusedUntilOneLeaves()
    {
        LargeLoads loads = new();
        for (int i = 0; i < LargeLoads.Most; i++) loads.Enter();

        Assert.Equal(StatusCode.Unavailable, Assert.Throws<InferenceException>(loads.Enter).Status);
        Assert.Equal(StatusCode.Unavailable, Assert.Throws<InferenceException>(loads.Enter).Status);
        loads.Leave();
        loads.Enter();
    }
}
