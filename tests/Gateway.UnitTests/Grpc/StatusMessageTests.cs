using Gateway.Server.Grpc.Wire;

namespace Gateway.UnitTests.Grpc;

public sealed class StatusMessageTests
{
    [Theory]
    [InlineData("", "")]
    [InlineData("a plain text, with 'quotes' and ~", "a plain text, with 'quotes' and ~")]
    [InlineData("50% of it", "50%25 of it")]
    [InlineData("first\nsecond\r\n", "first%0Asecond%0D%0A")]
    [InlineData("é", "%C3%A9")]
    [InlineData("日本", "%E6%97%A5%E6%9C%AC")]
    [InlineData("😀", "%F0%9F%98%80")]
    [InlineData("tab\tand\u007F", "tab%09and%7F")]
    public void Encode_AnyText_IsReadBack(string text, string encoded)
    {
        Assert.Equal(encoded, StatusMessage.Encode(text));
        Assert.Equal(text, Uri.UnescapeDataString(encoded));
    }

    [Fact]
    public void Encode_LoneSurrogates_AreReplaced() => Assert.Equal("a%EF%BF%BDb", StatusMessage.Encode("a\uD800b"));

    [Theory]
    [InlineData('x')]
    [InlineData('é')]
    [InlineData('%')]
    public void Encode_LongText_IsCutOffBetweenCharacters(char filling)
    {
        string encoded = StatusMessage.Encode(new string(filling, 10_000));

        Assert.InRange(encoded.Length, StatusMessage.MostBytes - 6, StatusMessage.MostBytes);
        Assert.Equal(new string(filling, Uri.UnescapeDataString(encoded).Length), Uri.UnescapeDataString(encoded));
    }
}
