using Gateway.Server.Proxy;

namespace Gateway.UnitTests.Proxy;

public sealed class SentPathTests
{
    [Theory]
    [InlineData("/a%2Fb/%7Ec?q=%41", "/a%2Fb/~c", "/a%2Fb/~c", "/a%2Fb/%7Ec")]
    [InlineData("/api/a%20b", "/api/a b", "/a b", "/a%20b")]
    [InlineData("/api%2Fa", "/api%2Fa", "/api%2Fa", "/api%2Fa")]
    public void TryKeep_PathOrItsEnd_IsAsItWasSent(string raw, string request, string path, string kept)
    {
        Assert.True(SentPath.TryKeep(raw, request, path, out string? found));
        Assert.Equal(kept, found);
    }

    [Theory]
    [InlineData("/a/b", "/a/b", "/a/b")]
    [InlineData("/open/%2e%2e/closed", "/closed", "/closed")]
    [InlineData("/open/../closed%20", "/closed ", "/closed ")]
    [InlineData("http://h/a%20b", "/a b", "/a b")]
    [InlineData("/a%20b", "/a b", "/new/a b")]
    [InlineData("/%61pi/a%20b", "/api/a b", "/a b")]
    [InlineData("*", "", "")]
    public void TryKeep_AnythingElse_IsEncodedAnew(string raw, string request, string path) => Assert.False(SentPath.TryKeep(raw, request, path, out _));
}
