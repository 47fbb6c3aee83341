using Gateway.Server.Hosting;

namespace Gateway.UnitTests.Hosting;

public sealed class RestrictedAccessTests
{
    [Theory]
    [InlineData("health", "expected GROUP[,GROUP...]:HEADER=VALUE")]
    [InlineData("health:key", "expected GROUP[,GROUP...]:HEADER=VALUE")]
    [InlineData("health=key:value", "expected GROUP[,GROUP...]:HEADER=VALUE")]
    [InlineData("health:=value", "'' is no name of a header")]
    [InlineData("health:a b=value", "'a b' is no name of a header")]
    [InlineData("health:key=", "the value of header 'key' is empty")]
    [InlineData("Health:key=value", "unknown group 'Health' (allowed health, metadata, inference, shared-memory, model-config, model-repository, statistics, trace, logging)")]
    [InlineData("health,health:key=value", "group 'health' is given more than once")]
    public void Parse_Mistake_IsNamedWithoutTheValue(string text, string problem) => Assert.Equal(problem, RestrictedAccess.Parse([text], "", out _));

    [Fact]
    public void Parse_SeveralTexts_EachGroupHasItsOwn()
    {
        Assert.Null(RestrictedAccess.Parse(["health,statistics:a=1", "shared-memory:b=x=y"], "triton-grpc-protocol-", out RestrictedAccess access));

        Assert.True(access.Asks(ApiGroup.Statistics, out string? header));
        Assert.Equal("triton-grpc-protocol-a", header);
        Assert.False(access.Asks(ApiGroup.Inference, out _));
        Assert.True(access.IsRight(ApiGroup.Health, "1"));
        Assert.True(access.IsRight(ApiGroup.SharedMemory, "x=y"));
        Assert.False(access.IsRight(ApiGroup.SharedMemory, "1"));
        Assert.True(access.IsAny);
    }

    [Fact]
    public void Parse_Nothing_RestrictsNothing()
    {
        Assert.Null(RestrictedAccess.Parse([], "", out RestrictedAccess access));

        Assert.False(access.IsAny);
    }

    [Theory]
    [InlineData("secret", true)]
    [InlineData("secreT", false)]
    [InlineData("secret1", false)]
    [InlineData("secre", false)]
    [InlineData("", false)]
    public void IsRight_AnyText_IsComparedWithoutAllocation(string given, bool isRight)
    {
        Assert.Null(RestrictedAccess.Parse(["inference:key=secret"], "", out RestrictedAccess access));
        Assert.Equal(isRight, access.IsRight(ApiGroup.Inference, given));
        long before = GC.GetAllocatedBytesForCurrentThread();

        for (int i = 0; i < 100; i++) access.IsRight(ApiGroup.Inference, given);

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }
}
