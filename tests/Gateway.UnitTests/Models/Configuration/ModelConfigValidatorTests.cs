using Gateway.Core.Models.Configuration;

namespace Gateway.UnitTests.Models.Configuration;

public sealed class ModelConfigValidatorTests
{
    [Theory]
    [InlineData("name: 'other'", "1:7: unexpected directory name 'digits' for model 'other', directory name must equal model name")]
    [InlineData("max_batch_size: -3", "1:17: 'max_batch_size' must be non-negative value for digits")]
    [InlineData("default_model_filename: '../x.onnx'", "1:25: 'default_model_filename' must stay within the version's directory, got '../x.onnx'")]
    [InlineData("default_model_filename: '/x.onnx'", "1:25: 'default_model_filename' must stay within the version's directory, got '/x.onnx'")]
    [InlineData("version_policy { latest { num_versions: 0 } }", "1:41: 'num_versions' must be at least 1, or no version would be served")]
    [InlineData("version_policy { latest { num_versions: 4294967295 } }", "1:41: 'num_versions' must be at most 2147483647, got 4294967295|1:41: 'num_versions' must be at least 1, or no version would be served")]
    [InlineData("version_policy { specific { } }", "1:18: 'versions' must name at least one version")]
    [InlineData("version_policy { specific { versions: [1, 0, 1] } }", "1:43: a version must be a number from 1, got 0|1:46: version 1 is given twice")]
    [InlineData("instance_group { count: -1 }", "1:25: instance group digits_0 of model digits must have a count of 1 or more, got -1")]
    [InlineData("instance_group { gpus: [0, -1, 0] }", "1:28: instance group digits_0 of model digits specifies invalid gpu id -1|1:32: gpu id 0 is given twice")]
    [InlineData("instance_group { rate_limiter { resources { count: 1 } } }", "1:33: a resource must have a name")]
    [InlineData("instance_group { rate_limiter { resources [ { name: 'R' }, { name: 'R' } ] } }", "1:68: resource 'R' is given twice")]
    [InlineData("optimization { graph { level: 3 } }", "1:31: 'optimization.graph.level' must be -1 (basic), 0 (all), 1 (extended) or 2 (none), got 3")]
    public void ReadText_BadSettings_AreRefused(string text, string expected) => AssertErrors(text, expected);

    [Theory]
    [InlineData("input { data_type: TYPE_FP32 }", "1:1: model input must specify 'name'")]
    [InlineData("input [ { name: 'a' }, { name: 'a' } ]", "1:32: model input 'a' is given twice")]
    [InlineData("output [ { name: 'a' }, { name: 'a' } ]", "1:33: model output 'a' is given twice")]
    [InlineData("input { name: 'a' dims: [1, 0] }", "1:29: model input 'a' dimension must be integer >= 1, or -1 to indicate a variable-size dimension, got 0")]
    [InlineData("input { name: 'a' dims: -2 }", "1:25: model input 'a' dimension must be integer >= 1, or -1 to indicate a variable-size dimension, got -2")]
    [InlineData("input { name: 'a' dims: 4 reshape { shape: [2, 3] } }", "1:27: model input 'a' has different size for dims [4] and reshape [2,3]")]
    [InlineData("input { name: 'a' dims: 4 reshape { } }", "1:27: model input 'a' has different size for dims [4] and reshape []")]
    [InlineData("input { name: 'a' dims: [2, 4, -1, 6] reshape { shape: [8, -1, 2, 6] } }", "1:39: model input 'a' has different size for dims [2,4,-1,6] and reshape [8,-1,2,6]")]
    [InlineData("input { name: 'a' dims: [-1] reshape { shape: [-1, -1] } }", "1:30: model input 'a' has different size for dims [-1] and reshape [-1,-1]")]
    [InlineData("input { name: 'a' dims: 4 reshape { shape: 0 } }", "1:44: model input 'a' reshape dimension must be integer >= 1, or -1 to indicate a variable-size dimension, got 0")]
    [InlineData("input { name: 'a' reshape { shape: 4 } }", "1:19: model input 'a' must specify 'dims' along with 'reshape'")]
    [InlineData("input { name: 'a' format: FORMAT_NHWC dims: [1, 2] }", "1:27: model input 'a': NHWC/NCHW require 3 dims")]
    [InlineData("output { name: 'a' label_filename: '../l' }", "1:36: 'label_filename' must stay within the model's directory, got '../l'")]
    [InlineData("input { name: 'a' dims: [9223372036854775807, 9223372036854775807, 2] reshape { shape: [4, 2] } }", "1:71: model input 'a' has different size for dims [9223372036854775807,9223372036854775807,2] and reshape [4,2]")]
    public void ReadText_BadTensors_AreRefused(string text, string expected) => AssertErrors(text, expected);

    [Theory]
    [InlineData("max_batch_size: 4 dynamic_batching { preferred_batch_size: [4, 8] }", "1:64: dynamic batching preferred size must be <= max batch size for digits: 8 > 4")]
    [InlineData("dynamic_batching { preferred_batch_size: 0 }", "1:42: dynamic batching preferred size must be positive for digits, got 0")]
    [InlineData("max_batch_size: 0 dynamic_batching { preferred_batch_size: 1 }", "1:60: dynamic batching preferred size must be <= max batch size for digits: 1 > 0")]
    [InlineData("dynamic_batching { priority_levels: 2 }", "1:1: default priority level must be in range [1, 2] for digits")]
    [InlineData("dynamic_batching { priority_levels: 2 default_priority_level: 3 }", "1:63: default priority level must be in range [1, 2] for digits")]
    [InlineData("dynamic_batching { priority_levels: 2000 default_priority_level: 1 }", "1:37: 'priority_levels' must be at most 1000, got 2000|1:66: 'default_priority_level' needs 'priority_levels' for digits")]
    [InlineData("dynamic_batching { default_priority_level: 1 }", "1:44: 'default_priority_level' needs 'priority_levels' for digits")]
    [InlineData("dynamic_batching { priority_queue_policy { key: 1 } }", "1:20: 'priority_queue_policy' needs 'priority_levels' for digits")]
    [InlineData("dynamic_batching { priority_levels: 1 default_priority_level: 1 priority_queue_policy { key: 2 } }", "1:65: priority queue policy must have priority level in range [1, 1] for digits, got 2")]
    [InlineData("dynamic_batching { priority_levels: 1 default_priority_level: 1 priority_queue_policy { key: 18446744073709551615 } }", "1:65: priority level 18446744073709551615 is beyond the most this server has, 1000")]
    [InlineData("dynamic_batching { preserve_ordering: true priority_levels: 2 default_priority_level: 1 }", "1:39: Only one priority level is allowed when 'preserve_ordering' is true for digits")]
    [InlineData("dynamic_batching { preserve_ordering: true default_queue_policy { timeout_action: DELAY default_timeout_microseconds: 1 } }", "1:83: Queue policy can not have DELAY as timeout action when 'preserve_ordering' is true for digits")]
    [InlineData("dynamic_batching { preserve_ordering: true priority_levels: 1 default_priority_level: 1 priority_queue_policy { key: 1 value { timeout_action: DELAY default_timeout_microseconds: 1 } } }", "1:144: Queue policy can not have DELAY as timeout action when 'preserve_ordering' is true for digits")]
    [InlineData("dynamic_batching { max_queue_delay_microseconds: 18446744073709551615 }", "1:50: 'max_queue_delay_microseconds' must be at most 922337203685477580")]
    [InlineData("dynamic_batching { default_queue_policy { max_queue_size: 4294967295 } }", "1:59: 'max_queue_size' must be at most 2147483647, got 4294967295")]
    public void ReadText_BadScheduling_IsRefused(string text, string expected) => AssertErrors(text, expected);

    [Theory]
    [InlineData("preserve_ordering: true default_queue_policy { timeout_action: DELAY }")]
    [InlineData("preserve_ordering: true priority_levels: 1 default_priority_level: 1")]
    [InlineData("preferred_batch_size: 64")]
    public void ReadText_SchedulingWithoutABatchSizeYet_Passes(string text) => Assert.NotNull(ConfigText.Text($"dynamic_batching {{ {text} }}").DynamicBatching);

    [Theory]
    [InlineData("name: 'w'", "1:1: warm-up 'w' must have a batch_size of at least 1")]
    [InlineData("name: 'w' batch_size: 5", "1:38: warm-up 'w' has batch_size 5, beyond the 4 that model 'digits' takes")]
    [InlineData("batch_size: 1 inputs { key: 'a' value { data_type: TYPE_FP32 dims: 1 } }", "1:30: warm-up input 'a' must have one of zero_data, random_data and input_data_file")]
    [InlineData("batch_size: 1 inputs { key: 'a' value { data_type: TYPE_FP32 dims: -1 zero_data: true } }", "1:83: warmup setting expects all variable-size dimensions are specified for input 'a'")]
    [InlineData("batch_size: 1 inputs { key: 'a' value { dims: 1 zero_data: true } }", "1:30: warm-up input 'a' must specify 'data_type'")]
    [InlineData("batch_size: 1 inputs { key: 'a' value { data_type: TYPE_FP32 input_data_file: '../../etc/passwd' } }", "1:94: 'input_data_file' must be a file in the model's warmup folder, got '../../etc/passwd'")]
    [InlineData("batch_size: 1 inputs { key: 'a' value { data_type: TYPE_FP32 input_data_file: '' } }", "1:94: 'input_data_file' must be a file in the model's warmup folder, got ''")]
    public void ReadText_BadWarmup_IsRefused(string text, string expected) =>
        AssertErrors($"model_warmup {{ {text} }} max_batch_size: 4", expected);

    private static void AssertErrors(string text, string expected)
    {
        ModelConfigException exception = Assert.Throws<ModelConfigException>(() => ConfigText.Text(text));

        Assert.Equal(string.Join('\n', expected.Split('|').Select(e => $"config.pbtxt:{e}")), exception.Message);
    }
}
