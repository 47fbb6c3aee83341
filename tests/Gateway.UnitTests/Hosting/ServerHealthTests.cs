using Gateway.Core.Models;
using Gateway.Server.Hosting;

namespace Gateway.UnitTests.Hosting;

public sealed class ServerHealthTests
{
    private static readonly ModelStatus Broken = new("m", 1, ModelState.Unavailable, "no such file", null, TimeSpan.Zero);

    [Theory]
    [InlineData(ServerPhase.Loading, false)]
    [InlineData(ServerPhase.Serving, true)]
    [InlineData(ServerPhase.Exiting, false)]
    public void IsReady_EachPhase_OnlyWhileServing(ServerPhase phase, bool expected)
    {
        ServerHealth health = new(new ModelCatalog(), new ServerOptions());

        health.Enter(phase);

        Assert.Equal(expected, health.IsReady);
        Assert.True(health.IsLive);
    }

    [Theory]
    [InlineData(true, false)]
    [InlineData(false, true)]
    public void IsReady_BrokenModel_IsWhatStrictnessSays(bool isStrict, bool expected)
    {
        ModelCatalog catalog = new();
        catalog.Set(Broken);
        ServerHealth health = new(catalog, new ServerOptions { StrictReadiness = isStrict });

        health.Enter(ServerPhase.Serving);

        Assert.Equal(expected, health.IsReady);
    }

    [Fact]
    public void Enter_EarlierPhase_IsIgnored()
    {
        ServerHealth health = new(new ModelCatalog(), new ServerOptions());
        health.Enter(ServerPhase.Exiting);

        health.Enter(ServerPhase.Serving);

        Assert.Equal(ServerPhase.Exiting, health.Phase);
    }
}
