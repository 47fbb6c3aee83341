using Gateway.Core.Models.Configuration;
using Gateway.Protocol.Tensors;

namespace Gateway.UnitTests.Models.Configuration.Reading;

public sealed class JsonFormatReaderTests
{
    [Fact]
    public void Read_SnakeAndCamelCase_AreTheSame()
    {
        ModelConfig snake = ConfigText.Json("""{"max_batch_size":8,"dynamic_batching":{"max_queue_delay_microseconds":5}}""");
        ModelConfig camel = ConfigText.Json("""{"maxBatchSize":8,"dynamicBatching":{"maxQueueDelayMicroseconds":"5"}}""");

        Assert.Equal(ConfigText.Write(snake), ConfigText.Write(camel));
        Assert.Equal(TimeSpan.FromMicroseconds(5), camel.DynamicBatching!.MaxQueueDelay);
    }

    [Theory]
    [InlineData("8")]
    [InlineData("\"8\"")]
    [InlineData("8.0")]
    [InlineData("0.8e1")]
    public void Read_Integers_InEveryNotation(string number) => Assert.Equal(8, ConfigText.Json($$"""{"max_batch_size":{{number}}}""").MaxBatchSize);

    [Theory]
    [InlineData("\"TYPE_STRING\"")]
    [InlineData("\"type_string\"")]
    [InlineData("13")]
    public void Read_Enums_ByNameInAnyCaseOrNumber(string value) =>
        Assert.Equal(DataType.Bytes, ConfigText.Json($$"""{"input":[{"name":"a","data_type":{{value}},"dims":["-1",4]}]}""").Inputs[0].DataType);

    [Fact]
    public void Read_Null_IsAbsent()
    {
        ModelConfig config = ConfigText.Json("""{"name":null,"max_batch_size":null,"input":null,"parameters":null,"dynamic_batching":null}""");

        Assert.False(config.IsMaxBatchSizeDeclared);
        Assert.Null(config.DynamicBatching);
    }

    [Fact]
    public void Read_Maps_AreObjects()
    {
        ModelConfig config = ConfigText.Json(
            """{"parameters":{"a":{"string_value":"b"}},"max_batch_size":4,"dynamic_batching":{"priority_levels":2,"default_priority_level":1,"priority_queue_policy":{"2":{"max_queue_size":3}}}}""");

        Assert.Equal("b", config.Parameters["a"]);
        Assert.Equal(3, config.DynamicBatching!.PriorityQueuePolicies[2].MaxQueueSize);
    }

    [Theory]
    [InlineData("""{"input":[{"name":"a"},{"nmae":"b"}]}""", "override:1:25: unknown field 'nmae' in ModelInput: did you mean 'name'? Known fields: name, data_type, format, dims, reshape, is_shape_tensor, allow_ragged_batch, optional, is_non_linear_format_io. (at $.input[1])")]
    [InlineData("{\n \"max_batch_size\": \"x\"}", "override:2:20: 'max_batch_size' takes an integer but found 'x' (at $.max_batch_size)")]
    [InlineData("""{"max_batch_size":1.5}""", "override:1:19: 'max_batch_size' takes an integer but found '1.5' (at $.max_batch_size)")]
    [InlineData("""{"max_batch_size":3000000000}""", "override:1:19: 3000000000 is out of range for 'max_batch_size' (-2147483648 to 2147483647) (at $.max_batch_size)")]
    [InlineData("""{"max_batch_size":1e400}""", "override:1:19: 'max_batch_size' takes an integer but found '1e400' (at $.max_batch_size)")]
    [InlineData("""{"max_batch_size":true}""", "override:1:19: 'max_batch_size' takes an integer but found true (at $.max_batch_size)")]
    [InlineData("""{"name":5}""", "override:1:9: 'name' takes a string but found a number (at $.name)")]
    [InlineData("""{"input":{}}""", "override:1:10: 'input' must be a JSON array but found an object (at $.input)")]
    [InlineData("""{"input":[null]}""", "override:1:11: ModelInput must be a JSON object but found null (at $.input[0])")]
    [InlineData("""{"input":[{"dims":[1,[2]]}]}""", "override:1:22: 'dims' takes an integer but found an array (at $.input[0].dims[1])")]
    [InlineData("""{"parameters":[]}""", "override:1:15: 'parameters' must be a JSON object but found an array (at $.parameters)")]
    [InlineData("""{"parameters":{"a":{},"a":{}}}""", "override:1:23: 'parameters[\"a\"]' is given more than once (at $.parameters)")]
    [InlineData("""{"max_batch_size":1,"maxBatchSize":2}""", "override:1:21: 'max_batch_size' is given more than once (at $)")]
    [InlineData("""{"response_cache":{"enable":"true"}}""", "override:1:29: 'enable' takes true or false but found a string (at $.response_cache.enable)")]
    [InlineData("""{"dynamic_batching":{"priority_queue_policy":{"x":{}}}}""", "override:1:47: 'key' takes an integer but found 'x' (at $.dynamic_batching.priority_queue_policy)")]
    [InlineData("""{"version_policy":{"all":{},"latest":{}}}""", "override:1:29: 'latest' cannot be given together with 'all': both choose the policy_choice (at $.version_policy)")]
    [InlineData("""{"name":"\ud800"}""", "override:1:9: the string is not valid Unicode (at $.name)")]
    [InlineData("[]", "override:1:1: ModelConfig must be a JSON object but found an array (at $)")]
    [InlineData("null", "override:1:1: ModelConfig must be a JSON object but found null (at $)")]
    public void Read_Mistakes_SayWhereAndWhat(string json, string expected) => Assert.Equal(expected, ConfigText.JsonError(json));

    [Theory]
    [InlineData("", 1, 1)]
    [InlineData("{", 1, 2)]
    [InlineData("{\"name\":\n}", 2, 1)]
    [InlineData("{} {}", 1, 4)]
    [InlineData("{\"max_batch_size\":1,}", 1, 21)]
    [InlineData("{/**/}", 1, 2)]
    public void Read_MalformedJson_SaysWhere(string json, int line, int column)
    {
        ModelConfigError error = Assert.Single(Assert.Throws<ModelConfigException>(() => ConfigText.Json(json)).Errors);

        Assert.Equal((line, column), (error.Line, error.Column));
        Assert.StartsWith("not valid JSON: ", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_DeepNesting_IsRefused()
    {
        string json = string.Concat(Enumerable.Repeat("{\"input\":[", 100_000));

        Assert.Contains("unknown field 'input' in ModelInput", ConfigText.JsonError(json), StringComparison.Ordinal);
    }
}
