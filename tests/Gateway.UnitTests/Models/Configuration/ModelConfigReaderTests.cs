using System.Text;
using Gateway.Core.Models.Configuration;
using Gateway.Protocol.Tensors;

namespace Gateway.UnitTests.Models.Configuration;

public sealed class ModelConfigReaderTests
{
    [Fact]
    public void ReadText_FullConfiguration_IsAllThere()
    {
        ModelConfig config = ConfigText.Text(ConfigText.Full);

        Assert.Equal(("digits", "onnxruntime_onnx", "onnxruntime", "digits.onnx"), (config.Name, config.Platform, config.Backend, config.DefaultModelFilename));
        Assert.Equal((32, true), (config.MaxBatchSize, config.IsMaxBatchSizeDeclared));
        Assert.Equal(VersionPolicyKind.Specific, config.VersionPolicy.Kind);
        Assert.Equal([1L, 3L], config.VersionPolicy.Versions);

        Assert.Equal(("image", DataType.Fp32, TensorFormat.Nchw), (config.Inputs[0].Name, config.Inputs[0].DataType, config.Inputs[0].Format));
        Assert.Equal([1L, 8L, 8L], config.Inputs[0].Dims);
        Assert.Null(config.Inputs[0].Reshape);
        Assert.Equal([], config.Inputs[1].ModelDims);
        Assert.Equal(("labels.txt", DataType.Bytes), (config.Outputs[0].LabelFilename, config.Outputs[1].DataType));

        Assert.Equal([(2, InstanceKind.Cpu), (1, InstanceKind.Gpu)], config.InstanceGroups.Select(g => (g.Count, g.Kind)));
        Assert.Equal([0, 1], config.InstanceGroups[1].Gpus);
        Assert.Equal("vision", config.MetricTags["team"]);
        Assert.True(config.ResponseCacheEnabled);
    }

    [Fact]
    public void ReadText_FullConfiguration_HasItsScheduling()
    {
        DynamicBatching batching = ConfigText.Text(ConfigText.Full).DynamicBatching!;

        Assert.Equal([8, 16, 32], batching.PreferredBatchSizes);
        Assert.Equal(TimeSpan.FromMicroseconds(1500), batching.MaxQueueDelay);
        Assert.Equal((3, 2, false), (batching.PriorityLevels, batching.DefaultPriorityLevel, batching.PreserveOrdering));
        Assert.Equal(
            new QueuePolicy { TimeoutAction = TimeoutAction.Delay, DefaultTimeout = TimeSpan.FromMilliseconds(100), AllowTimeoutOverride = true, MaxQueueSize = 64 },
            batching.DefaultQueuePolicy);
        Assert.Equal(new QueuePolicy { MaxQueueSize = 8 }, batching.PriorityQueuePolicies[1]);
    }

    [Fact]
    public void ReadText_FullConfiguration_HasItsOptimizationAndWarmup()
    {
        ModelConfig config = ConfigText.Text(ConfigText.Full);

        Assert.Equal(GraphOptimization.Basic, config.Optimization.GraphOptimization);
        Assert.Equal((false, true), (config.Optimization.InputPinnedMemory, config.Optimization.OutputPinnedMemory));
        Assert.Equal(["tensorrt", "cuda"], config.Optimization.GpuAccelerators.Select(a => a.Name));
        Assert.Equal(
            new Dictionary<string, string> { ["trt_fp16_enable"] = "1", ["trt_max_workspace_size"] = "1073741824" },
            config.Optimization.GpuAccelerators[0].ProviderOptions);
        Assert.Equal(2, config.OnnxRuntime.IntraOpThreadCount);
        Assert.Equal("team équipe", config.Parameters["owner"]);

        ModelWarmup warmup = Assert.Single(config.Warmups);
        Assert.Equal(("one", 4, 3), (warmup.Name, warmup.BatchSize, warmup.Count));
        Assert.Equal(WarmupSource.Random, warmup.Inputs["image"].Source);
        Assert.Equal((WarmupSource.File, "scale.bin"), (warmup.Inputs["scale"].Source, warmup.Inputs["scale"].DataFile));
    }

    [Fact]
    public void ReadText_Empty_IsAllDefaults()
    {
        ModelConfig config = ConfigText.Text("");

        Assert.Equal("digits", config.Name);
        Assert.Equal((0, false), (config.MaxBatchSize, config.IsMaxBatchSizeDeclared));
        Assert.Equal(VersionPolicy.Latest(1), config.VersionPolicy with { });
        Assert.Null(config.DynamicBatching);
        Assert.True(config.Optimization.InputPinnedMemory);
    }

    [Fact]
    public void ReadText_EmptyLatest_IsTheNewest() => Assert.Equal(1, ConfigText.Text("version_policy { latest {} }").VersionPolicy.Count);

    [Theory]
    [InlineData(new byte[] { (byte)'a', 0xff }, "config.pbtxt:1:2: byte 0xff is not UTF-8")]
    [InlineData(new byte[] { (byte)'#', 0xc3, 0xa9, (byte)'\n', (byte)' ', 0xc3 }, "config.pbtxt:2:2: byte 0xc3 is not UTF-8")]
    public void ReadText_NotUtf8_SaysWhere(byte[] bytes, string expected) =>
        Assert.Equal(expected, Assert.Throws<ModelConfigException>(() => ModelConfigReader.ReadText(bytes, ConfigText.Source, "m")).Message);

    [Fact]
    public void ReadText_ByteOrderMark_IsSkipped() => Assert.Equal(3, ConfigText.Text("\uFEFFmax_batch_size: 3").MaxBatchSize);

    [Fact]
    public void ReadText_TooLarge_IsRefused() =>
        Assert.Equal("config.pbtxt: the configuration is larger than 1048576 bytes", ConfigText.TextError(new string(' ', ModelConfigReader.MaxBytes + 1)));

    [Fact]
    public void ReadFile_File_NamesItInErrors()
    {
        string path = Path.Combine(Path.GetTempPath(), $"{Guid.NewGuid():N}.pbtxt");
        File.WriteAllText(path, "max_batch_sise: 4");
        try
        {
            ModelConfigException exception = Assert.Throws<ModelConfigException>(() => ModelConfigReader.ReadFile(path, "m"));

            Assert.StartsWith($"{path}:1:1: unknown field 'max_batch_sise' in ModelConfig: did you mean 'max_batch_size'?", exception.Message, StringComparison.Ordinal);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void ReadText_SeveralProblems_AreAllReportedWithTheirPlaces()
    {
        ModelConfigException exception = Assert.Throws<ModelConfigException>(() => ConfigText.Text("""
            backend: "python"
            max_batch_size: -1
            sequence_batching { }
            instance_group { kind: KIND_CPU gpus: 0 }
            """));

        Assert.Equal(
            """
            config.pbtxt:3:1: 'sequence_batching' is not supported yet: requests are scheduled one by one; keep the state in the client, or in inputs and outputs
            config.pbtxt:1:10: backend 'python' is not supported: models run on 'onnxruntime', or 'remote'
            config.pbtxt:2:17: 'max_batch_size' must be non-negative value for digits
            config.pbtxt:4:39: instance group digits_0 of model digits has kind KIND_CPU but specifies one or more GPUs
            """,
            exception.Message);
    }

    [Fact]
    public void ReadText_VeryManyProblems_AreCapped()
    {
        string text = $"input {{ name: 'a' dims: [{string.Join(',', Enumerable.Repeat("0", 10_000))}] }}";

        Assert.Equal(100, Assert.Throws<ModelConfigException>(() => ConfigText.Text(text)).Errors.Count);
    }

    [Fact]
    public void ReadText_ManyMapEntries_TakesNoLongerPerEntry()
    {
        StringBuilder text = new();
        for (int i = 0; i < 25_000; i++) text.Append(System.Globalization.CultureInfo.InvariantCulture, $"metric_tags{{key:'{i}'}}");

        Assert.Equal(25_000, ConfigText.Text(text.ToString()).MetricTags.Count);
    }
}
