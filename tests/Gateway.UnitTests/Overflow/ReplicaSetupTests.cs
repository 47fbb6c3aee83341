using Gateway.Server.Overflow;
using Gateway.Server.Proxy.Destinations;

namespace Gateway.UnitTests.Overflow;

public sealed class ReplicaSetupTests
{
    [Theory]
    [InlineData("http://10.0.0.2:8000", null, 1, null, true)]
    [InlineData("http://10.0.0.2:8000/ weight=3 zone=a grpc=8001", null, 3, "http://10.0.0.2:8001/", true)]
    [InlineData("https://h:8000 GRPC=8001 zone=b", "a", 1, "https://h:8001/", false)]
    [InlineData("http://h:8000 grpc=https://other:1 zone=a other=x", "a", 1, "https://other:1/", true)]
    [InlineData("http://h:8000 weight=5000 weight=x", null, 1000, null, true)]
    public void Parse_AddressAndWords_AreASetup(string text, string? zone, int weight, string? grpc, bool isNear)
    {
        Assert.Null(ReplicaSetup.Parse(text, out DestinationAddress address, out IReadOnlyList<KeyValuePair<string, string>> words));

        ReplicaSetup setup = ReplicaSetup.From(address.Target, words, zone);

        Assert.Equal((text.Split(' ')[0].TrimEnd('/'), weight, grpc, isNear), (setup.Address, setup.Weight, setup.GrpcAddress, setup.IsNear));
    }

    [Fact]
    public void From_AnAddressThatWasLookedUp_HasTheNameToo() =>
        Assert.Equal("replicas.test:8000", ReplicaSetup.From(new Uri("https://10.0.0.2:8000"), [], zone: null, "replicas.test:8000").Host);

    [Theory]
    [InlineData("", "'' is not valid")]
    [InlineData("10.0.0.2:8000", "is not valid")]
    [InlineData("http://h:8000 weight", "'weight' is not name=value")]
    [InlineData("http://h:8000 grpc=x", "'grpc=x' is not valid (allowed grpc=8001 for a port of the same host, or grpc=http://host:8001)")]
    [InlineData("http://h:8000 grpc=0", "'grpc=0' is not valid")]
    [InlineData("http://h:8000 grpc=http://h:1/path", "is not valid")]
    public void Parse_WhatIsWrong_SaysSo(string text, string expected) =>
        Assert.Contains(expected, ReplicaSetup.Parse(text, out _, out _), StringComparison.Ordinal);
}
