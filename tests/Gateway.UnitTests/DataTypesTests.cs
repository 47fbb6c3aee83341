using Gateway.Protocol.Tensors;

namespace Gateway.UnitTests;

public sealed class DataTypesTests
{
    [Fact]
    public void Parse_EveryWireName_RoundTrips()
    {
        foreach (DataType type in Enum.GetValues<DataType>().Where(t => t != DataType.Invalid))
        {
            Assert.Equal(type, DataTypes.Parse(System.Text.Encoding.ASCII.GetBytes(type.WireName())));
        }
    }

    [Theory]
    [InlineData("fp32")]
    [InlineData("")]
    [InlineData("INVALID")]
    [InlineData("FP322")]
    public void Parse_AnythingElse_IsInvalid(string name) =>
        Assert.Equal(DataType.Invalid, DataTypes.Parse(System.Text.Encoding.UTF8.GetBytes(name)));
}
