using Gateway.Server.Grpc.Wire;

namespace Gateway.UnitTests.Grpc;

public sealed class GrpcTimeoutTests
{
    [Theory]
    [InlineData(null, 0L)]
    [InlineData("", 0L)]
    [InlineData("1H", 3_600_000_000L)]
    [InlineData("2M", 120_000_000L)]
    [InlineData("3S", 3_000_000L)]
    [InlineData("250m", 250_000L)]
    [InlineData("7u", 7L)]
    [InlineData("5000n", 5L)]
    [InlineData("1n", 1L)]
    [InlineData("0m", 1L)]
    [InlineData("24H", 86_400_000_000L)]
    [InlineData("25H", 0L)]
    [InlineData("99999999H", 0L)]
    [InlineData("00000001S", 1_000_000L)]
    public void Parse_WellFormed_GivesMicroseconds(string? text, long microseconds) => Assert.Equal(microseconds, GrpcTimeout.Parse(System.Text.Encoding.UTF8.GetBytes(text ?? "")));

    [Theory]
    [InlineData("S")]
    [InlineData("1")]
    [InlineData("1s")]
    [InlineData("1 S")]
    [InlineData("-1S")]
    [InlineData("+1S")]
    [InlineData("1.5S")]
    [InlineData("123456789S")]
    [InlineData("99999999999999999999H")]
    [InlineData("1x")]
    [InlineData(" ")]
    public void Parse_Malformed_GivesNothing(string text) => Assert.Null(GrpcTimeout.Parse(System.Text.Encoding.UTF8.GetBytes(text ?? "")));
}
