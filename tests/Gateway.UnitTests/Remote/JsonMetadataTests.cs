using System.Text;
using Gateway.Core.Execution;
using Gateway.Core.Models;
using Gateway.Protocol.Tensors;
using Gateway.Server.Remote;
using Gateway.Server.Remote.Http;

namespace Gateway.UnitTests.Remote;

/// <summary>What an upstream says of a model.</summary>
public sealed class JsonMetadataTests
{
    private const string Good = """
        {"name":"m","versions":["1","3"],"platform":"tensorrt_plan","inputs":[{"name":"x","datatype":"FP16","shape":[-1,3,224,224]}],"outputs":[{"name":"y","datatype":"BYTES","shape":[-1,5]}]}
        """;

    [Theory]
    [InlineData("""{"name":"m","max_batch_size":32,"model_transaction_policy":{"decoupled":false}}""", 32)]
    [InlineData("""{"name":"m"}""", 0)]
    [InlineData(null, null)]
    public void Read_MetadataAndConfiguration_IsASignature(string? config, int? maxBatchSize)
    {
        UpstreamMetadata read = Read(Good, config);

        Assert.Equal(["1", "3"], read.Versions);
        Assert.Equal(maxBatchSize, read.Signature.MaxBatchSize);
        TensorSignature input = Assert.Single(read.Signature.Inputs);
        Assert.Equal(("x", DataType.Fp16), (input.Name, input.DataType));
        Assert.Equal([-1, 3, 224, 224], input.Dims);
        Assert.Equal(DataType.Bytes, Assert.Single(read.Signature.Outputs).DataType);
    }

    [Theory]
    [InlineData("", null, "no model metadata")]
    [InlineData("<html/>", null, "no model metadata")]
    [InlineData("[]", null, "no model metadata")]
    [InlineData("""{"inputs":[]}""", null, "it has no inputs")]
    [InlineData("""{"inputs":[{"name":"x","datatype":"FP32"}]}""", null, "no model metadata")]
    [InlineData("""{"inputs":[{"name":"x","datatype":"FP32","shape":[-2]}]}""", null, "no model metadata")]
    [InlineData("""{"inputs":[{"name":"x","datatype":"FP32","shape":["a"]}]}""", null, "no model metadata")]
    [InlineData("""{"inputs":[{"name":"x","datatype":"FP32","shape":[1,1,1,1,1,1,1,1,1]}]}""", null, "'x' has 9 dimensions; at most 8 can be served")]
    [InlineData(Good, """{"sequence_batching":{}}""", "takes sequences of requests")]
    [InlineData(Good, """{"model_transaction_policy":{"decoupled":true}}""", "is decoupled")]
    [InlineData(Good, """{"max_batch_size":"8"}""", "no model metadata")]
    [InlineData(Good, """{"max_batch_size":1e30}""", "no model metadata")]
    public void Read_WhatCannotBeServed_SaysWhy(string metadata, string? config, string expected) =>
        Assert.Contains(expected, Assert.Throws<ModelLoadException>(() => Read(metadata, config)).Message, StringComparison.Ordinal);

    [Fact]
    public void Read_DamagedMetadata_IsReadOrRefused()
    {
        Random random = new(20261126);
        int refused = 0;
        for (int round = 0; round < 5_000; round++)
        {
            byte[] damaged = Encoding.UTF8.GetBytes(Good);
            for (int i = random.Next(1, 4); i > 0; i--) damaged[random.Next(damaged.Length)] = (byte)random.Next(256);
            try
            {
                JsonMetadata.Read(damaged, null);
            }
            catch (ModelLoadException)
            {
                refused++;
            }
        }

        Assert.InRange(refused, 500, 5_000);
    }

    private static UpstreamMetadata Read(string metadata, string? config) => JsonMetadata.Read(Encoding.UTF8.GetBytes(metadata), config is null ? null : Encoding.UTF8.GetBytes(config));
}
