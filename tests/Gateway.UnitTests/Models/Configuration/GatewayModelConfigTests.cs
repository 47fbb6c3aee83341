using System.Text;
using Gateway.Core.Models.Configuration;

namespace Gateway.UnitTests.Models.Configuration;

public sealed class GatewayModelConfigTests
{
    [Fact]
    public void Read_Empty_IsAllDefaults()
    {
        GatewayModelConfig config = Read("{}");

        Assert.Empty(config.AllowedBatchSizes);
        Assert.Equal((null, null, true), (config.MaxQueueRequests, config.MaxQueueBytes, config.BisectFailedBatches));
    }

    [Fact]
    public void Read_Everything_IsThere()
    {
        GatewayModelConfig config = Read("""{"allowedBatchSizes":[1,4,16],"maxQueueRequests":1000,"maxQueueBytes":8000000000,"bisectFailedBatches":false}""");

        Assert.Equal([1, 4, 16], config.AllowedBatchSizes);
        Assert.Equal((1000, 8_000_000_000L, false), (config.MaxQueueRequests, config.MaxQueueBytes, config.BisectFailedBatches));
        config.CheckAgainst(ConfigText.Text("max_batch_size: 16"));
    }

    [Theory]
    [InlineData("""{"maxQueueRequest":1}""", "gateway.json:1:2: unknown field 'maxQueueRequest' in gateway.json: did you mean 'maxQueueRequests'? Known fields: allowedBatchSizes, maxQueueRequests, maxQueueBytes, bisectFailedBatches. (at $)")]
    [InlineData("""{"allowedBatchSizes":[4,4]}""", "gateway.json:1:25: batch sizes must be positive and ascending: expected at least 5, got 4 (at $.allowedBatchSizes[1])")]
    [InlineData("""{"allowedBatchSizes":[0]}""", "gateway.json:1:23: batch sizes must be positive and ascending: expected at least 1, got 0 (at $.allowedBatchSizes[0])")]
    [InlineData("""{"maxQueueRequests":0}""", "gateway.json:1:21: 'maxQueueRequests' must be at least 1, got 0 (at $.maxQueueRequests)")]
    [InlineData("""{"maxQueueBytes":-1}""", "gateway.json:1:18: 'maxQueueBytes' must be at least 1, got -1 (at $.maxQueueBytes)")]
    [InlineData("""{"bisectFailedBatches":1}""", "gateway.json:1:24: 'bisectFailedBatches' takes true or false but found a number (at $.bisectFailedBatches)")]
    public void Read_Mistakes_SayWhereAndWhat(string json, string expected) =>
        Assert.Equal(expected, Assert.Throws<ModelConfigException>(() => Read(json)).Message);

    [Theory]
    [InlineData("max_batch_size: 8", "gateway.json:1:23: the last of 'allowedBatchSizes' must be max_batch_size, which is 8 for model 'digits', got 4 (at $.allowedBatchSizes)")]
    [InlineData("max_batch_size: 0", "gateway.json:1:23: 'allowedBatchSizes' needs a batch dimension, and model 'digits' has none (max_batch_size is 0) (at $.allowedBatchSizes)")]
    public void CheckAgainst_OtherBatchSize_IsRefused(string text, string expected)
    {
        GatewayModelConfig config = Read("""{"allowedBatchSizes":[1,4]}""");

        Assert.Equal(expected, Assert.Throws<ModelConfigException>(() => config.CheckAgainst(ConfigText.Text(text))).Message);
    }

    private static GatewayModelConfig Read(string json) => GatewayModelConfig.Read(Encoding.UTF8.GetBytes(json), "gateway.json");
}
