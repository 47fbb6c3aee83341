using Gateway.Core.Tenants;
using Gateway.TestSupport;
using Gateway.TestSupport.Simulation;

namespace Gateway.UnitTests.Scheduling;

/// <summary>What sharing among tenants is held to, in virtual time.</summary>
public sealed class FairnessGoalsTests
{
    private static readonly SimulatedModel[] Models = [SimulatedModel.Light, SimulatedModel.Convolutional, SimulatedModel.Gpu];

    public static TheoryData<string, double> Floods
    {
        get
        {
            TheoryData<string, double> all = [];
            foreach (SimulatedModel model in Models)
            {
                foreach (double load in (double[])[1.2, 2, 3]) all.Add(model.Name, load);
            }

            return all;
        }
    }

    // One tenant offers a fifth of the capacity, the other all the rest.
    [Theory]
    [MemberData(nameof(Floods))]
    public void Flood_OfOneTenant_LeavesTheOtherItsShare(string name, double load)
    {
        SimulatedModel model = Models.Single(each => each.Name == name);
        Tenant[] tenants = TestTenants.OfWeights(1, 1);
        double share = 0.2 / load;
        foreach (RequestClass each in (RequestClass[])[RequestClass.Medium(model), RequestClass.Loose(model)])
        {
            SimulationSetup setup = new(model, load)
            {
                Classes = [each with { Share = 1 - share, Tenant = tenants[0] }, each with { Share = share, Tenant = tenants[1] }],
                Requests = 40_000,
            };

            SimulationResult shared = Simulator.Run(setup);
            SimulationResult alone = Simulator.Run(setup with { Classes = [each] });

            Assert.True(shared.ServedOf(1) >= 0.99, $"served of the small tenant: {shared.ServedOf(1):F4}");
            Assert.True(shared.Goodput >= alone.Goodput - 0.02, $"goodput: {shared.Goodput:F4}, of one tenant {alone.Goodput:F4}");
        }
    }

    // What the other tests would find if nothing were shared: all are served alike.
    [Fact]
    public void Flood_WithoutTenants_DrownsTheOther()
    {
        RequestClass each = RequestClass.Medium(SimulatedModel.Gpu);

        SimulationResult result = Simulator.Run(new SimulationSetup(SimulatedModel.Gpu, 3) { Classes = [each with { Share = 0.93 }, each with { Share = 0.07 }], Requests = 40_000 });

        Assert.InRange(result.ServedOf(1), 0.2, 0.5);
    }

    // A loose flood, and a small tenant in more of a hurry; and the other way round.
    [Theory]
    [MemberData(nameof(Floods))]
    public void Flood_WithOtherDeadlines_LeavesTheOtherItsShare(string name, double load)
    {
        SimulatedModel model = Models.Single(each => each.Name == name);
        Tenant[] tenants = TestTenants.OfWeights(1, 1);
        double share = 0.2 / load;
        (RequestClass Flood, RequestClass Small)[] pairs = [(RequestClass.Loose(model), RequestClass.Medium(model)), (RequestClass.Medium(model), RequestClass.Loose(model))];
        foreach ((RequestClass flood, RequestClass small) in pairs)
        {
            SimulationResult result = Simulator.Run(new SimulationSetup(model, load)
            {
                Classes = [flood with { Share = 1 - share, Tenant = tenants[0] }, small with { Share = share, Tenant = tenants[1] }],
                Requests = 40_000,
            });

            Assert.True(result.ServedOf(1) >= 0.99, $"served of the small tenant: {result.ServedOf(1):F4}");
            Assert.True(result.Goodput >= 0.95, $"goodput: {result.Goodput:F4}");
        }
    }

    // All three offer as much, and more than their part.
    [Theory]
    [InlineData("light")]
    [InlineData("conv")]
    [InlineData("gpu")]
    public void Overload_RowsServedAreAsTheWeights(string name)
    {
        SimulatedModel model = Models.Single(each => each.Name == name);
        double[] weights = [1, 2, 5];
        Tenant[] tenants = TestTenants.OfWeights(weights);
        RequestClass each = RequestClass.Loose(model, 1 / 3.0);

        SimulationResult result = Simulator.Run(new SimulationSetup(model, 3) { Classes = [.. tenants.Select(tenant => each with { Tenant = tenant })], Requests = 60_000 });

        for (int i = 0; i < weights.Length; i++)
        {
            double part = result.RowsByClass[i] / (double)result.RowsInTime;
            Assert.InRange(part / (weights[i] / weights.Sum()), 0.95, 1.05);
        }

        Assert.True(result.Goodput >= 0.96, $"goodput: {result.Goodput:F4}");
    }

    // Without deadlines nobody is refused but for room: what waits of the flood must not keep the other waiting.
    [Fact]
    public void Flood_WithoutDeadlines_TheOtherIsAnsweredAsIfAlone()
    {
        SimulatedModel model = SimulatedModel.Gpu;
        Tenant[] tenants = TestTenants.OfWeights(1, 1);
        List<double> times = [];

        Simulator.Run(
            new SimulationSetup(model, 3) { Classes = [new RequestClass(0.95, 0, Tenant: tenants[0]), new RequestClass(0.05, 0, Tenant: tenants[1])], Requests = 20_000 },
            onEnded: (at, request, _) =>
            {
                if (request.ClassIndex == 1 && at < 1) times.Add(at);
            });

        // 5 % of three times the capacity, evenly over the time: were they served in turn with the flood, a third of them would have been.
        Assert.InRange(times.Count, 0.9 * 0.05 * 20_000, 1.1 * 0.05 * 20_000);
    }
}
