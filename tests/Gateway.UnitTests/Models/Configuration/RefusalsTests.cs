using Gateway.Core.Models.Configuration;

namespace Gateway.UnitTests.Models.Configuration;

public sealed class RefusalsTests
{
    [Theory]
    [InlineData("sequence_batching { }", "sequence_batching", 1)]
    [InlineData("sequence_batching { oldest { max_candidate_sequences: 4 } control_input { name: 'S' control { kind: CONTROL_SEQUENCE_START int32_false_true: [0, 1] } } }", "sequence_batching", 1)]
    [InlineData("ensemble_scheduling { step { model_name: 'a' input_map { key: 'x' value: 'y' } } }", "ensemble_scheduling", 1)]
    [InlineData("runtime: 'other.so'", "runtime", 10)]
    [InlineData("batch_input { kind: BATCH_ITEM_SHAPE }", "batch_input", 1)]
    [InlineData("batch_output { target_name: 'o' }", "batch_output", 1)]
    [InlineData("input { name: 'a' is_shape_tensor: true }", "input.is_shape_tensor", 36)]
    [InlineData("output { name: 'a' is_shape_tensor: true }", "output.is_shape_tensor", 37)]
    [InlineData("input { name: 'a' optional: true }", "input.optional", 29)]
    [InlineData("optimization { priority: PRIORITY_MAX }", "optimization.priority", 26)]
    [InlineData("input { name: 'a' allow_ragged_batch: true }", "input.allow_ragged_batch", 39)]
    [InlineData("input { name: 'a' is_non_linear_format_io: true }", "input.is_non_linear_format_io", 44)]
    [InlineData("output { name: 'a' is_non_linear_format_io: true }", "output.is_non_linear_format_io", 45)]
    [InlineData("instance_group { secondary_devices { kind: KIND_NVDLA } }", "instance_group.secondary_devices", 18)]
    [InlineData("instance_group { profile: '0' }", "instance_group.profile", 27)]
    [InlineData("instance_group { passive: true }", "instance_group.passive", 27)]
    [InlineData("instance_group { host_policy: 'p' }", "instance_group.host_policy", 31)]
    [InlineData("optimization { cuda { graph_spec { batch_size: 1 input { key: 'a' value { dim: 1 } } graph_lower_bound { batch_size: 1 } } } }", "optimization.cuda.graph_spec", 23)]
    [InlineData("optimization { cuda { busy_wait_events: true } }", "optimization.cuda.busy_wait_events", 41)]
    [InlineData("optimization { cuda { output_copy_stream: true } }", "optimization.cuda.output_copy_stream", 43)]
    [InlineData("optimization { gather_kernel_buffer_threshold: 4 }", "optimization.gather_kernel_buffer_threshold", 48)]
    [InlineData("optimization { eager_batching: true }", "optimization.eager_batching", 32)]
    [InlineData("model_operations { op_library_filename: [ 'a.so', 'b.so' ] }", "model_operations.op_library_filename", 43)]
    [InlineData("cc_model_filenames { key: '7.5' value: 'a.onnx' }", "cc_model_filenames", 1)]
    [InlineData("model_repository_agents { agents { name: 'checksum' parameters { key: 'a' value: 'b' } } }", "model_repository_agents.agents", 27)]
    [InlineData("model_transaction_policy { decoupled: true }", "model_transaction_policy.decoupled", 39)]
    [InlineData("model_metrics { metric_control { metric_identifier { family: 'f' } histogram_options { buckets: [ 1, 2.5 ] } } }", "model_metrics.metric_control", 17)]
    public void ReadText_UnsupportedSetting_IsRefusedByName(string text, string name, int column) =>
        Assert.StartsWith($"config.pbtxt:1:{column}: '{name}' is not supported yet: ", ConfigText.TextError(text), StringComparison.Ordinal);

    [Theory]
    [InlineData("runtime: '' batch_input [] batch_output [] cc_model_filenames [] model_operations { } model_repository_agents { agents [ ] } model_metrics { }")]
    [InlineData("input { name: 'a' is_shape_tensor: false allow_ragged_batch: false is_non_linear_format_io: 0 }")]
    [InlineData("instance_group { secondary_devices [] profile: [] passive: false host_policy: '' }")]
    [InlineData("optimization { graph { level: 0 } cuda { graphs: false busy_wait_events: false output_copy_stream: false } gather_kernel_buffer_threshold: 0 eager_batching: false execution_accelerators { } }")]
    [InlineData("model_transaction_policy { decoupled: false } response_cache { enable: false }")]
    public void ReadText_UnsupportedSettingAtItsDefault_Passes(string text) => Assert.Equal(ConfigText.Model, ConfigText.Text(text).Name);

    [Theory]
    [InlineData("backend: 'tensorrt'", "config.pbtxt:1:10: backend 'tensorrt' is not supported: models run on 'onnxruntime', or 'remote'")]
    [InlineData("platform: 'tensorrt_plan'", "config.pbtxt:1:11: platform 'tensorrt_plan' is not supported: models are 'onnxruntime_onnx', or 'remote'")]
    [InlineData("instance_group { kind: KIND_MODEL }", "config.pbtxt:1:24: 'KIND_MODEL' is not supported yet: the server places instances, a model cannot; use KIND_GPU or KIND_CPU")]
    public void ReadText_OtherBackendsAndKinds_AreRefused(string text, string expected) => Assert.Equal(expected, ConfigText.TextError(text));

    [Theory]
    [InlineData("cpu_execution_accelerator { name: 'openvino' }", "execution accelerator 'openvino' is not supported yet: ONNX Runtime's own CPU kernels are used")]
    [InlineData("gpu_execution_accelerator { name: 'openvino' }", "execution accelerator 'openvino' is not supported yet: ONNX Runtime's own CPU kernels are used")]
    [InlineData("gpu_execution_accelerator { name: 'auto_io' }", "unknown Execution Accelerator 'auto_io' is requested under 'gpu_execution_accelerator'. Known: tensorrt, cuda, webgpu, cpu.")]
    [InlineData("gpu_execution_accelerator { }", "unknown Execution Accelerator '' is requested under 'gpu_execution_accelerator'. Known: tensorrt, cuda, webgpu, cpu.")]
    [InlineData("cpu_execution_accelerator { name: 'cuda' }", "execution accelerator 'cuda' runs on a GPU: name it under 'gpu_execution_accelerator'")]
    [InlineData("gpu_execution_accelerator [ { name: 'cuda' }, { name: 'cuda' } ]", "execution accelerator 'cuda' is given twice")]
    [InlineData("gpu_execution_accelerator { name: 'cuda' parameters { key: 'device_id' value: '1' } }", "CUDA option 'device_id' follows from 'instance_group' and cannot be set")]
    [InlineData("gpu_execution_accelerator { name: 'cuda' parameters { key: 'use_ep_level_unified_stream' value: 'on' } }", "parameter 'use_ep_level_unified_stream' must be 1, 0, true or false, got 'on'")]
    [InlineData("gpu_execution_accelerator { name: 'tensorrt' parameters { key: 'trt_dla_cor' value: '1' } }", "unknown parameter 'trt_dla_cor' is provided for TensorRT Execution Accelerator: did you mean 'trt_dla_core'?")]
    [InlineData("gpu_execution_accelerator { name: 'tensorrt' parameters { key: 'precision_mode' value: 'FP8' } }", "unsupported precision mode 'FP8' is requested (FP32, FP16, BF16 or INT8)")]
    [InlineData("gpu_execution_accelerator { name: 'tensorrt' parameters { key: 'trt_dla_core' value: 'x' } }", "parameter 'trt_dla_core' must be an integer, got 'x'")]
    [InlineData("gpu_execution_accelerator { name: 'tensorrt' parameters { key: 'trt_engine_cache_enable' value: 'x' } }", "parameter 'trt_engine_cache_enable' must be 1, 0, true or false, got 'x'")]
    [InlineData("gpu_execution_accelerator { name: 'tensorrt' parameters { key: 'max_workspace_size_bytes' value: '-1' } }", "parameter 'max_workspace_size_bytes' must be an integer, got '-1'")]
    [InlineData("gpu_execution_accelerator { name: 'webgpu' parameters { key: 'dawnProcTable' value: '4096' } }", "option 'dawnProcTable' of 'webgpu' is an address in the process, and cannot be set")]
    [InlineData("gpu_execution_accelerator { name: 'cuda' parameters { key: 'gpu_external_alloc' value: '4096' } }", "option 'gpu_external_alloc' of 'cuda' is an address in the process, and cannot be set")]
    public void ReadText_UnusableAccelerators_AreRefused(string text, string expected)
    {
        ModelConfigException exception = Assert.Throws<ModelConfigException>(() => ConfigText.Text($"optimization {{ execution_accelerators {{ {text} }} }}"));

        ModelConfigError error = Assert.Single(exception.Errors);
        Assert.Equal(expected, error.Message);
        Assert.Equal(1, error.Line);
    }

    [Theory]
    [InlineData("gpu_execution_accelerator { name: 'cpu' } gpu_execution_accelerator { name: 'webgpu' }", "'webgpu' after it would never be tried")]
    [InlineData("gpu_execution_accelerator { name: 'webgpu' parameters { key: 'lanes' value: '0' } }", "'lanes' must be 1 to 4, got '0'")]
    [InlineData("gpu_execution_accelerator { name: 'webgpu' parameters { key: 'lanes' value: 'two' } }", "'lanes' must be 1 to 4, got 'two'")]
    [InlineData("gpu_execution_accelerator { name: 'cpu' parameters { key: 'threads' value: '2' } }", "'cpu' has no parameters")]
    public void ReadText_ChainsThatMeanNothing_AreRefused(string text, string expected) =>
        Assert.Contains(expected, ConfigText.TextError($"optimization {{ execution_accelerators {{ {text.Replace('\'', '"')} }} }}"), StringComparison.Ordinal);

    [Fact]
    public void ReadText_WebGpu_PassesItsParameters()
    {
        ModelConfig config = ConfigText.Text("optimization { execution_accelerators { gpu_execution_accelerator { name: 'webgpu' parameters { key: 'preferredLayout' value: 'NCHW' } } } }");

        Assert.Equal("NCHW", Assert.Single(config.Optimization.GpuAccelerators).ProviderOptions["preferredLayout"]);
    }
}
