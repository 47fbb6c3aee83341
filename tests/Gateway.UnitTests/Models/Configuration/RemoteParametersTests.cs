using Gateway.Core.Models;
using Gateway.Core.Models.Configuration;
using Gateway.Protocol.Tensors;

namespace Gateway.UnitTests.Models.Configuration;

/// <summary>Models that another server runs, as configurations spell them.</summary>
public sealed class RemoteParametersTests
{
    private const string Url = "parameters { key: 'url' value { string_value: 'http://10.0.0.5:8000' } } ";

    private static readonly ModelSignature Upstream = new([new TensorSignature("x", DataType.Fp32, -1, 64)], [new TensorSignature("y", DataType.Fp32, -1, 10)], MaxBatchSize: 16);

    [Theory]
    [InlineData("platform: 'remote' ")]
    [InlineData("backend: 'remote' ")]
    [InlineData("backend: 'remote' platform: 'remote' ")]
    public void ReadText_Url_LeavesTheRestAtItsDefaults(string kind)
    {
        RemoteParameters remote = ConfigText.Text(kind + Url).Remote!;

        Assert.Equal(new RemoteParameters { Url = new Uri("http://10.0.0.5:8000") }, remote);
        Assert.Equal(("", null, null, null), (remote.ModelName, remote.ModelVersion, remote.FirstByteTimeout, remote.AccessTokenVariable));
    }

    [Fact]
    public void ReadText_Everything_IsRead()
    {
        string text = "platform: 'remote' " + Url + Parameter("model_name", "resnet") + Parameter("model_version", "3") + Parameter("timeout_ms", "2500") + Parameter("connect_timeout_ms", "50.5")
            + Parameter("first_byte_timeout_ms", "1000") + Parameter("access_token_variable", "GATEWAY_REMOTE_TOKEN") + Parameter("max_response_bytes", "1000");

        Assert.Equal(
            new RemoteParameters
            {
                Url = new Uri("http://10.0.0.5:8000"),
                ModelName = "resnet",
                ModelVersion = 3,
                Timeout = TimeSpan.FromSeconds(2.5),
                ConnectTimeout = TimeSpan.FromMilliseconds(50.5),
                FirstByteTimeout = TimeSpan.FromSeconds(1),
                AccessTokenVariable = "GATEWAY_REMOTE_TOKEN",
                MaxResponseBytes = 1000,
            },
            ConfigText.Text(text).Remote);
    }

    [Theory]
    [InlineData("url", "ftp://10.0.0.5", "parameter 'url' must be an http, https, grpc or grpcs address")]
    [InlineData("url", "10.0.0.5:8000", "parameter 'url' must be an http, https, grpc or grpcs address")]
    [InlineData("url", "http://me:secret@10.0.0.5", "without user, query or fragment")]
    [InlineData("url", "http://10.0.0.5/?a=b", "without user, query or fragment")]
    [InlineData("model_name", "a/../b", "parameter 'model_name' must be a model's name, got 'a/../b'")]
    [InlineData("model_version", "0", "parameter 'model_version' must be a whole number above 0, got '0'")]
    [InlineData("model_version", "one", "parameter 'model_version' must be a whole number above 0, got 'one'")]
    [InlineData("timeout_ms", "0", "parameter 'timeout_ms' must be milliseconds, from 1 to a day, got '0'")]
    [InlineData("timeout_ms", "1e9", "parameter 'timeout_ms' must be milliseconds, from 1 to a day, got '1e9'")]
    [InlineData("connect_timeout_ms", "-1", "parameter 'connect_timeout_ms' must be milliseconds")]
    [InlineData("max_response_bytes", "lots", "parameter 'max_response_bytes' must be a whole number above 0")]
    [InlineData("access_token_variable", "HOME", "must name an environment variable that begins with GATEWAY_REMOTE_")]
    [InlineData("timout_ms", "100", "parameter 'timout_ms' is unknown for a model that another server runs; did you mean 'timeout_ms'?")]
    [InlineData("intra_op_thread_count", "1", "parameter 'intra_op_thread_count' is unknown for a model that another server runs; known are url, model_name")]
    public void ReadText_WhatCannotBeMeant_IsRefusedByName(string key, string value, string expected)
    {
        string text = "platform: 'remote' " + (key == "url" ? "" : Url) + Parameter(key, value);

        Assert.Contains(expected, ConfigText.TextError(text), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("platform: 'remote'", "needs the parameter 'url'")]
    [InlineData("platform: 'remote' backend: 'onnxruntime' " + Url, "platform 'remote' and backend 'onnxruntime' contradict each other")]
    [InlineData("platform: 'remote' default_model_filename: 'a.onnx' " + Url, "'default_model_filename' has no meaning")]
    [InlineData("platform: 'remote' instance_group { kind: KIND_GPU } " + Url, "they have no device")]
    [InlineData("platform: 'remote' optimization { execution_accelerators { gpu_execution_accelerator { name: 'cuda' } } } " + Url, "are for the server to choose")]
    public void ReadText_WhatOnlyModelsThatRunHereHave_IsRefused(string text, string expected) =>
        Assert.Contains(expected, ConfigText.TextError(text), StringComparison.Ordinal);

    [Theory]
    [InlineData("", 16, true)]
    [InlineData("max_batch_size: 8", 8, true)]
    [InlineData("max_batch_size: 0", 0, false)]
    [InlineData("input { name: 'x' data_type: TYPE_FP32 dims: 64 } output { name: 'y' data_type: TYPE_FP32 dims: 10 }", 16, false)]
    public void Complete_TakesTheUpstreamsBatchSize(string text, int maxBatchSize, bool isDynamic)
    {
        ModelConfig config = ModelConfigCompletion.Complete(ConfigText.Text("platform: 'remote' " + Url + text), ConfigText.Model, Upstream);

        Assert.Equal(("remote", "remote", ""), (config.Platform, config.Backend, config.DefaultModelFilename));
        Assert.Equal((maxBatchSize, isDynamic), (config.MaxBatchSize, config.DynamicBatching is not null));
        Assert.Equal(2, Assert.Single(config.InstanceGroups).Count);
    }

    [Theory]
    [InlineData("max_batch_size: 32", "max_batch_size is 32, but the server that runs model 'digits' takes 16 at most")]
    [InlineData("input { name: 'x' data_type: TYPE_INT64 dims: 64 }", "configuration expects datatype TYPE_INT64 for input 'x', model provides TYPE_FP32")]
    [InlineData("output { name: 'z' data_type: TYPE_FP32 dims: 10 }", "unexpected inference output 'z'")]
    [InlineData("input { name: 'x' data_type: TYPE_FP32 dims: 65 }", "the model expects 2 dimensions (shape [-1,64])")]
    public void Complete_WhatTheUpstreamDoesNotServe_IsRefused(string text, string expected)
    {
        ModelConfig declared = ConfigText.Text("platform: 'remote' " + Url + text);

        ModelConfigException error = Assert.Throws<ModelConfigException>(() => ModelConfigCompletion.Complete(declared, ConfigText.Model, Upstream));

        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
    }

    private static string Parameter(string key, string value) => $"parameters {{ key: '{key}' value {{ string_value: '{value}' }} }} ";
}
