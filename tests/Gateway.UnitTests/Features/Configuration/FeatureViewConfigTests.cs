using System.Text;
using Gateway.Core.Features.Configuration;
using Gateway.Core.Models.Configuration;
using Gateway.Protocol.Tensors;

namespace Gateway.UnitTests.Features.Configuration;

public sealed class FeatureViewConfigTests
{
    [Fact]
    public void Read_AllMembers_AreTaken()
    {
        FeatureViewConfig config = Read("""
            {"key": "INT64", "datatype": "FP32", "shape": [2, 2], "ttl_seconds": 1.5, "missing": "default", "default": [1, 2, 3, 4.5],
             "memory_bytes": 2097152, "disk_bytes": 33554432, "sources": ["a.csv"]}
            """);

        Assert.Equal(("user", DataType.Int64, DataType.Fp32, "[2,2]", 16), (config.Name, config.KeyType, config.DataType, config.Row.ToString(), config.RowBytes));
        Assert.Equal((TimeSpan.FromSeconds(1.5), MissingKey.Default, 2 << 20, 32 << 20), (config.TimeToLive, config.Missing, (int)config.MemoryBytes, (int)config.DiskBytes));
        Assert.Equal("/views/user/a.csv", config.Sources.Single());
        Assert.Equal(4.5f, BitConverter.ToSingle(config.Default, 12));
    }

    [Fact]
    public void Read_TheLeast_IsAnErrorForMissingKeysAndKeysOfStrings()
    {
        FeatureViewConfig config = Read("""{"datatype": "INT64", "shape": []}""");

        Assert.Equal((DataType.Bytes, MissingKey.Error, 8, null), (config.KeyType, config.Missing, config.RowBytes, config.TimeToLive));
        Assert.Equal(new byte[8], config.Default);
    }

    [Theory]
    [InlineData("""{"shape": [2]}""", "'datatype' must be a type of fixed size, such as FP32, got ''")]
    [InlineData("""{"datatype": "BYTES", "shape": [2]}""", "'datatype' must be a type of fixed size")]
    [InlineData("""{"datatype": "FP32"}""", "'shape' is missing")]
    [InlineData("""{"datatype": "FP32", "shape": [-1]}""", "'shape' must have dimensions of at least 1, got -1")]
    [InlineData("""{"datatype": "FP32", "shape": [1,1,1,1,1,1,1,1]}""", "at most 1048576 bytes and 7 dimensions")]
    [InlineData("""{"datatype": "FP32", "shape": [1,1,1,1,1,1,1,1,1]}""", "at most 7 dimensions")]
    [InlineData("""{"datatype": "FP32", "shape": [262145]}""", "at most 1048576 bytes")]
    [InlineData("""{"datatype": "FP32", "shape": [4294967296, 4294967296]}""", "at most 1048576 bytes")]
    [InlineData("""{"datatype": "FP32", "shape": [262144], "memory_bytes": 1048576}""", "'memory_bytes' must be at least 64 rows, which are 67108864 bytes, got 1048576")]
    [InlineData("""{"datatype": "FP32", "shape": [2], "key": "FP32"}""", "'key' must be BYTES or INT64, got 'FP32'")]
    [InlineData("""{"datatype": "FP32", "shape": [2], "ttl_seconds": 0}""", "'ttl_seconds' must be more than 0")]
    [InlineData("""{"datatype": "FP32", "shape": [2], "missing": "zero"}""", "'missing' must be 'error' or 'default', got 'zero'")]
    [InlineData("""{"datatype": "FP32", "shape": [2], "default": [1]}""", "'default' needs")]
    [InlineData("""{"datatype": "FP32", "shape": [2], "missing": "default", "default": [1,2,3]}""", "'default' must be one number for all elements, or 2, got 3")]
    [InlineData("""{"datatype": "UINT8", "shape": [2], "missing": "default", "default": [256]}""", "'default' has 256, which is no UINT8")]
    [InlineData("""{"datatype": "FP32", "shape": [2], "memory_bytes": 1}""", "'memory_bytes' must be")]
    [InlineData("""{"datatype": "FP32", "shape": [2], "disk_bytes": 1}""", "'disk_bytes' must be")]
    [InlineData("""{"datatype": "FP32", "shape": [2], "sources": ["../a.csv"]}""", "'sources' must be files in the view's folder, got '../a.csv'")]
    [InlineData("""{"datatype": "FP32", "shape": [2], "sources": ["/a.csv"]}""", "'sources' must be files in the view's folder")]
    [InlineData("""{"datatype": "FP32", "shape": [2], "colour": 1}""", "colour")]
    [InlineData("""{"datatype": "FP32", "shape": [2]""", "not valid JSON")]
    public void Read_WhatCannotBeUsed_IsSaidByName(string json, string problem) =>
        Assert.Contains(problem, Assert.Throws<ModelConfigException>(() => Read(json)).Message, StringComparison.Ordinal);

    [Fact]
    public void Read_NameThatIsNone_IsRefused() =>
        Assert.Contains("cannot be called 'a b'", Assert.Throws<ModelConfigException>(() => FeatureViewConfig.Read("""{"datatype": "FP32", "shape": [2]}"""u8, "/views/a b", "view.json")).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData(DataType.Bool, "true", "01")]
    [InlineData(DataType.Bool, "0", "00")]
    [InlineData(DataType.UInt8, "255", "FF")]
    [InlineData(DataType.Int8, "-128", "80")]
    [InlineData(DataType.Int16, " 5 ", "0500")]
    [InlineData(DataType.Int64, "-9223372036854775808", "0000000000000080")]
    [InlineData(DataType.Fp16, "1", "003C")]
    [InlineData(DataType.Bf16, "1", "803F")]
    [InlineData(DataType.Bf16, "1.00390625", "803F")]
    [InlineData(DataType.Bf16, "1.01171875", "823F")]
    [InlineData(DataType.Bf16, "NaN", "C0FF")]
    [InlineData(DataType.Fp32, "1e-3", "6F12833A")]
    [InlineData(DataType.Fp64, "Infinity", "000000000000F07F")]
    public void Numbers_OfEachType_AreRead(DataType type, string text, string hex)
    {
        byte[] to = new byte[type.Size()];

        Assert.True(RowNumbers.TryParse(type, Encoding.UTF8.GetBytes(text), to));
        Assert.Equal(hex, Convert.ToHexString(to));
    }

    [Theory]
    [InlineData(DataType.UInt8, "256")]
    [InlineData(DataType.UInt8, "1.5")]
    [InlineData(DataType.Int32, "0x10")]
    [InlineData(DataType.Fp32, "1,5")]
    [InlineData(DataType.Fp32, "")]
    [InlineData(DataType.Bool, "yes")]
    [InlineData(DataType.Bytes, "1")]
    public void Numbers_ThatAreNone_AreRefused(DataType type, string text) => Assert.False(RowNumbers.TryParse(type, Encoding.UTF8.GetBytes(text), new byte[8]));

    private static FeatureViewConfig Read(string json) => FeatureViewConfig.Read(Encoding.UTF8.GetBytes(json), "/views/user", "view.json");
}
