using System.Text;
using System.Text.Json;
using Gateway.Core.Models.Configuration;

namespace Gateway.UnitTests.Models.Configuration;

/// <summary>Short forms of reading and writing configurations, and the configurations several tests share.</summary>
internal static class ConfigText
{
    public const string Model = "digits";
    public const string Source = "config.pbtxt";

    /// <summary>Everything that is honoured, in the styles people write.</summary>
    public const string Full = """
        # A classifier of handwritten digits.
        name: "digits"
        platform: "onnxruntime_onnx"
        backend: 'onnxruntime'
        default_model_filename: "digits" ".onnx"   # adjacent strings are one
        max_batch_size: 0x20;
        version_policy: { specific: { versions: [ 1, 3 ] } }

        input [
          {
            name: "image"
            data_type: TYPE_FP32
            format: FORMAT_NCHW
            dims: [ 1, 8, 8 ]
          },
          { name: "scale" data_type: 11 dims: [ 1 ] reshape { shape: [ ] } }
        ]
        output < name: "probabilities", data_type: TYPE_FP32, dims: 10, label_filename: "labels.txt" >
        output { name: "text" data_type: TYPE_STRING dims: [ -1 ] }

        instance_group [ { count: 2 kind: KIND_CPU }, { name: "gpu" count: 1 kind: KIND_GPU gpus: [ 0, 1 ] } ]
        dynamic_batching {
          preferred_batch_size: [ 8, 16 ]
          preferred_batch_size: 32
          max_queue_delay_microseconds: 1500
          priority_levels: 3
          default_priority_level: 2
          default_queue_policy { timeout_action: DELAY default_timeout_microseconds: 100000 allow_timeout_override: true max_queue_size: 64 }
          priority_queue_policy { key: 1 value: { timeout_action: REJECT max_queue_size: 8 } }
        }
        optimization {
          graph { level: -1 }
          priority: PRIORITY_DEFAULT
          execution_accelerators {
            gpu_execution_accelerator: [ {
              name: "tensorrt"
              parameters { key: "precision_mode" value: "FP16" }
              parameters { key: "max_workspace_size_bytes" value: "1073741824" }
            }, { name: "cuda" parameters { key: "cudnn_conv_use_max_workspace" value: "0" } } ]
          }
          input_pinned_memory { enable: false }
        }
        parameters { key: "intra_op_thread_count" value: { string_value: "2" } }
        parameters: { key: "owner", value: { string_value: "team \303\251quipe" } }
        model_warmup [ { name: "one" batch_size: 4 count: 3 inputs { key: "image" value: { data_type: TYPE_FP32 dims: [ 1, 8, 8 ] random_data: true } }
          inputs { key: "scale" value { data_type: TYPE_FP32 dims: 1 input_data_file: "scale.bin" } } } ]
        response_cache { enable: true }
        metric_tags { key: "team" value: "vision" }
        model_transaction_policy { decoupled: false }
        """;

    public static ModelConfig Text(string text, string model = Model) => ModelConfigReader.ReadText(Encoding.UTF8.GetBytes(text), Source, model);

    public static ModelConfig Json(string json, string model = Model) => ModelConfigReader.ReadJson(Encoding.UTF8.GetBytes(json), "override", model);

    public static string Write(ModelConfig config)
    {
        using MemoryStream stream = new();
        using (Utf8JsonWriter json = new(stream)) ModelConfigJson.Write(json, config);
        return Encoding.UTF8.GetString(stream.ToArray());
    }

    /// <summary>The one error of a configuration, as its user sees it.</summary>
    public static string TextError(string text) => Assert.Single(Assert.Throws<ModelConfigException>(() => Text(text)).Errors).ToString();

    public static string JsonError(string json) => Assert.Single(Assert.Throws<ModelConfigException>(() => Json(json)).Errors).ToString();
}
