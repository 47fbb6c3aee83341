using System.Text.Json;
using Gateway.Core.Models;
using Gateway.Core.Models.Configuration;
using Gateway.Protocol.Tensors;

namespace Gateway.UnitTests.Models.Configuration;

public sealed class ModelConfigJsonTests
{
    [Fact]
    public void Write_CompletedConfiguration_IsWhatTritonAnswers()
    {
        ModelConfig config = ModelConfigCompletion.Complete(
            ConfigText.Text("instance_group { kind: KIND_CPU count: 2 }"),
            ConfigText.Model,
            new ModelSignature([new TensorSignature("x", DataType.Fp32, -1, 64)], [new TensorSignature("y", DataType.Bytes, -1)]));

        Assert.Equal(
            """
            {"name":"digits","platform":"onnxruntime_onnx","backend":"onnxruntime","runtime":"","version_policy":{"latest":{"num_versions":1}},"max_batch_size":4,
            "input":[{"name":"x","data_type":"TYPE_FP32","format":"FORMAT_NONE","dims":[64],"is_shape_tensor":false,"allow_ragged_batch":false,"optional":false,"is_non_linear_format_io":false}],
            "output":[{"name":"y","data_type":"TYPE_STRING","dims":[1],"reshape":{"shape":[]},"label_filename":"","is_shape_tensor":false,"is_non_linear_format_io":false}],
            "batch_input":[],"batch_output":[],
            "optimization":{"priority":"PRIORITY_DEFAULT","input_pinned_memory":{"enable":true},"output_pinned_memory":{"enable":true},"gather_kernel_buffer_threshold":0,"eager_batching":false},
            "dynamic_batching":{"preferred_batch_size":[4],"max_queue_delay_microseconds":0,"preserve_ordering":false,"priority_levels":0,"default_priority_level":0,"priority_queue_policy":{}},
            "instance_group":[{"name":"digits_0","kind":"KIND_CPU","count":2,"gpus":[],"secondary_devices":[],"profile":[],"passive":false,"host_policy":""}],
            "default_model_filename":"model.onnx","cc_model_filenames":{},"metric_tags":{},"parameters":{},"model_warmup":[]}
            """.ReplaceLineEndings(""),
            ConfigText.Write(config));
    }

    [Fact]
    public void Write_FullConfiguration_ReadsBackTheSame()
    {
        ModelConfig config = ConfigText.Text(ConfigText.Full);

        string json = ConfigText.Write(config);

        Assert.Equal(json, ConfigText.Write(ConfigText.Json(json)));
        Assert.Contains("\"max_queue_delay_microseconds\":1500,", json, StringComparison.Ordinal);
        Assert.Contains("\"versions\":[1,3]", json, StringComparison.Ordinal);
        Assert.Contains("\"priority_queue_policy\":{\"1\":{\"timeout_action\":\"REJECT\"", json, StringComparison.Ordinal);
        Assert.Contains("\"parameters\":{\"precision_mode\":\"FP16\"", json, StringComparison.Ordinal);
        Assert.Contains("\"response_cache\":{\"enable\":true}", json, StringComparison.Ordinal);
    }

    [Fact]
    public void Write_FullConfiguration_NamesOnlyFieldsOfTheSchema()
    {
        using JsonDocument document = JsonDocument.Parse(ConfigText.Write(ConfigText.Text(ConfigText.Full)));

        Assert.All(document.RootElement.EnumerateObject(), p => Assert.NotNull(Gateway.Core.Models.Configuration.Reading.ModelConfigSchema.ModelConfig.Find(p.Name)));
    }

    [Theory]
    [InlineData("version_policy { all { } }", "\"version_policy\":{\"all\":{}}")]
    [InlineData("version_policy { latest { num_versions: 3 } }", "\"version_policy\":{\"latest\":{\"num_versions\":3}}")]
    [InlineData("instance_group { rate_limiter { resources { name: 'R' global: true count: 2 } priority: 3 } }", "\"rate_limiter\":{\"resources\":[{\"name\":\"R\",\"global\":true,\"count\":2}],\"priority\":3}")]
    [InlineData("optimization { graph { level: 2 } }", "\"graph\":{\"level\":2}")]
    public void Write_Settings_StandAsWritten(string text, string expected) =>
        Assert.Contains(expected, ConfigText.Write(ConfigText.Text(text)), StringComparison.Ordinal);
}
