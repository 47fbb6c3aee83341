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
        GatewayModelConfig config = Read("""{"allowed_batch_sizes":[1,4,16],"max_queue_requests":1000,"max_queue_bytes":8000000000,"bisect_failed_batches":false,"slo_ms":12.5}""");

        Assert.Equal([1, 4, 16], config.AllowedBatchSizes);
        Assert.Equal((1000, 8_000_000_000L, false), (config.MaxQueueRequests, config.MaxQueueBytes, config.BisectFailedBatches));
        Assert.Equal(TimeSpan.FromMilliseconds(12.5), config.Objective);
        config.CheckAgainst(ConfigText.Text("max_batch_size: 16"));
    }

    [Theory]
    [InlineData("""{"max_queue_request":1}""", "gateway.json:1:2: unknown field 'max_queue_request' in gateway.json: did you mean 'max_queue_requests'? Known fields: allowed_batch_sizes, max_queue_requests, max_queue_bytes, bisect_failed_batches, slo_ms, cache. (at $)")]
    [InlineData("""{"allowed_batch_sizes":[4,4]}""", "gateway.json:1:27: batch sizes must be positive and ascending: expected at least 5, got 4 (at $.allowed_batch_sizes[1])")]
    [InlineData("""{"allowed_batch_sizes":[0]}""", "gateway.json:1:25: batch sizes must be positive and ascending: expected at least 1, got 0 (at $.allowed_batch_sizes[0])")]
    [InlineData("""{"max_queue_requests":0}""", "gateway.json:1:23: 'max_queue_requests' must be at least 1, got 0 (at $.max_queue_requests)")]
    [InlineData("""{"max_queue_bytes":-1}""", "gateway.json:1:20: 'max_queue_bytes' must be at least 1, got -1 (at $.max_queue_bytes)")]
    [InlineData("""{"bisect_failed_batches":1}""", "gateway.json:1:26: 'bisect_failed_batches' takes true or false but found a number (at $.bisect_failed_batches)")]
    [InlineData("""{"slo_ms":0}""", "gateway.json:1:11: 'slo_ms' must be more than 0 and at most a day (at $.slo_ms)")]
    [InlineData("""{"slo_ms":-5}""", "gateway.json:1:11: 'slo_ms' must be more than 0 and at most a day (at $.slo_ms)")]
    [InlineData("""{"slo_ms":1e300}""", "gateway.json:1:11: 'slo_ms' must be more than 0 and at most a day (at $.slo_ms)")]
    [InlineData("""{"slo_ms":"NaN"}""", "gateway.json:1:11: 'slo_ms' must be more than 0 and at most a day (at $.slo_ms)")]
    public void Read_Mistakes_SayWhereAndWhat(string json, string expected) =>
        Assert.Equal(expected, Assert.Throws<ModelConfigException>(() => Read(json)).Message);

    [Theory]
    [InlineData("max_batch_size: 8", "gateway.json:1:25: the last of 'allowed_batch_sizes' must be max_batch_size, which is 8 for model 'digits', got 4 (at $.allowed_batch_sizes)")]
    [InlineData("max_batch_size: 0", "gateway.json:1:25: 'allowed_batch_sizes' needs a batch dimension, and model 'digits' has none (max_batch_size is 0) (at $.allowed_batch_sizes)")]
    public void CheckAgainst_OtherBatchSize_IsRefused(string text, string expected)
    {
        GatewayModelConfig config = Read("""{"allowed_batch_sizes":[1,4]}""");

        Assert.Equal(expected, Assert.Throws<ModelConfigException>(() => config.CheckAgainst(ConfigText.Text(text))).Message);
    }

    private static GatewayModelConfig Read(string json) => GatewayModelConfig.Read(Encoding.UTF8.GetBytes(json), "gateway.json");
}
