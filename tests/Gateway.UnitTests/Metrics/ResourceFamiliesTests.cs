using System.Buffers;
using System.Text;
using Gateway.Core.Models.Configuration;
using Gateway.Core.Scheduling.Resources;
using Gateway.Server.Metrics;

namespace Gateway.UnitTests.Metrics;

public sealed class ResourceFamiliesTests
{
    [Fact]
    public void Write_OneRunsAndOneWaits_SaysSo()
    {
        RateLimiter limiter = new(ResourceCounts.Unsaid, TimeProvider.System);
        InstanceGroup group = new() { Name = "g", RateLimiter = new InstanceRateLimiter([new NeededResource("R", IsGlobal: false, 2), new NeededResource("S", IsGlobal: true, 1)], 1) };
        using ResourceClaim runs = limiter.Add(("m", 1), group)!;
        using ResourceClaim waits = limiter.Add(("n", 3), group)!;
        runs.Ask();
        waits.Ask();
        ArrayBufferWriter<byte> output = new();

        new ResourceFamilies(limiter).Write(new PrometheusWriter(output));

        PrometheusText text = PrometheusText.Parse(Encoding.UTF8.GetString(output.WrittenSpan));
        Assert.Equal(2, text["gateway_rate_limiter_resource_limit{device=\"0\",resource=\"R\"}"]);
        Assert.Equal(2, text["gateway_rate_limiter_resource_in_use{device=\"0\",resource=\"R\"}"]);
        Assert.Equal(1, text["gateway_rate_limiter_resource_in_use{device=\"global\",resource=\"S\"}"]);
        Assert.Equal(0, text["gateway_rate_limiter_waiting{model=\"m\",version=\"1\"}"]);
        Assert.Equal(1, text["gateway_rate_limiter_waiting{model=\"n\",version=\"3\"}"]);
    }
}
