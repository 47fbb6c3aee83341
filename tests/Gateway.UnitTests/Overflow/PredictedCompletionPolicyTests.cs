using Gateway.Core.Overflow.Replicas;
using Gateway.Core.Overflow.Reports;
using Gateway.Server.Overflow;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Yarp.ReverseProxy.Configuration;
using Yarp.ReverseProxy.Forwarder;
using Yarp.ReverseProxy.Model;

namespace Gateway.UnitTests.Overflow;

/// <summary>Which destination of a proxied route gets a request, by what those that are replicas say of themselves.</summary>
public sealed class PredictedCompletionPolicyTests : IDisposable
{
    private static readonly ModelKey Model = new("digits", 0);
    private static readonly OverflowSettings Settings = new(TimeSpan.FromSeconds(100), null, TimeProvider.System);

    private readonly Server.Overflow.Replicas _replicas = new(Settings, new GatewayIdentity());
    private readonly ServiceProvider _services;
    private readonly PredictedCompletionPolicy _policy;

    public PredictedCompletionPolicyTests()
    {
        _services = new ServiceCollection().AddSingleton(Settings).AddSingleton(_replicas).BuildServiceProvider();
        _policy = new PredictedCompletionPolicy(_services);
    }

    public void Dispose() => _services.Dispose();

    [Fact]
    public void MoreThanAreLookedAtAtATime_AllThatReportGetRequests()
    {
        Replica[] members = [.. new[] { 0, 7, 21, 30, 39 }.Select(i => Reporting(i))];
        _replicas.Fleet.Set(members);

        Dictionary<string, int> picked = Pick(40, times: 1000);

        Assert.All(members, member => Assert.InRange(picked.GetValueOrDefault(member.Address), 20, 1000));
    }

    [Fact]
    public void ColdOnes_ThoseThatAreOut_AndItself_GetNothing()
    {
        Replica cold = Reporting(0, warmsUp: true);
        Replica self = Reporting(1);
        self.IsSelf = true;
        Replica ejected = Reporting(2);
        Assert.True(ejected.Http.TryBegin(Settings.Now(), 1000, out Hop hop));
        ejected.Http.Fail(Settings.Now(), hop, isRefusedConnection: true, mayEject: true);
        Assert.Equal(HealthState.Ejected, ejected.Http.State);
        Replica well = Reporting(3);
        _replicas.Fleet.Set([cold, self, ejected, well]);

        Assert.Equal([well.Address], Pick(4, times: 100).Keys);
    }

    [Fact]
    public void NobodyReports_ItselfGetsNothing()
    {
        Replica self = new(Address(0)) { IsSelf = true };
        Replica other = new(Address(1));
        _replicas.Fleet.Set([self, other]);

        Assert.Equal([other.Address], Pick(2, times: 100).Keys);
    }

    private static string Address(int i) => $"http://10.0.0.{i}:8000";

    private static Replica Reporting(int i, bool warmsUp = false)
    {
        Replica replica = new(Address(i), seed: 1, warmsUp);
        replica.Receive(Model, new LoadReport(ReplicaState.Serving, 1, 1, 5000, 100_000, 0, 0, 0), Settings.Now());
        return replica;
    }

    /// <returns>How often each address was picked.</returns>
    private Dictionary<string, int> Pick(int destinations, int times)
    {
        ClusterState cluster = new("fleet");
        DestinationState[] all = [.. Enumerable.Range(0, destinations).Select(i => new DestinationState($"{i}", new DestinationModel(new DestinationConfig { Address = Address(i) })))];
        RouteConfig route = new() { RouteId = "r", Metadata = new Dictionary<string, string> { ["x-model"] = Model.Name } };
        Dictionary<string, int> picked = [];
        for (int i = 0; i < times; i++)
        {
            DefaultHttpContext context = new();
            context.Features.Set<IReverseProxyFeature>(new ReverseProxyFeature { Route = new RouteModel(route, cluster, HttpTransformer.Default) });
            string address = _policy.PickDestination(context, cluster, all)!.Model.Config.Address;
            picked[address] = picked.GetValueOrDefault(address) + 1;
        }

        return picked;
    }
}
