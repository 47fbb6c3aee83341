using Gateway.Core.Models;
using Gateway.Core.Models.Configuration;
using Gateway.Protocol.Tensors;

namespace Gateway.UnitTests.Models.Configuration;

public sealed class ModelConfigCompletionTests
{
    private static readonly ModelSignature Batchable = File([Fp32("x", -1, 64)], [Fp32("y", -1, 10)]);

    [Fact]
    public void Complete_NoConfiguration_TurnsBatchingOn()
    {
        ModelConfig config = ModelConfigCompletion.Complete(null, "m", Batchable);

        Assert.Equal(("m", "onnxruntime_onnx", "onnxruntime", "model.onnx"), (config.Name, config.Platform, config.Backend, config.DefaultModelFilename));
        Assert.Equal(4, config.MaxBatchSize);
        Assert.Equal([4], config.DynamicBatching!.PreferredBatchSizes);
        Assert.Equal("x FP32 [64] | y FP32 [10]", Tensors(config));
    }

    [Theory]
    [InlineData("max_batch_size: 0", 0, false, "x FP32 [-1,64] | y FP32 [-1,10]")]
    [InlineData("max_batch_size: 1", 1, false, "x FP32 [64] | y FP32 [10]")]
    [InlineData("max_batch_size: 16", 16, true, "x FP32 [64] | y FP32 [10]")]
    [InlineData("input { name: 'x' }", 4, true, "x FP32 [64] | y FP32 [10]")]
    [InlineData("input { name: 'x' dims: 64 }", 4, true, "x FP32 [64] | y FP32 [10]")]
    [InlineData("input { name: 'x' dims: [-1, 64] }", 0, false, "x FP32 [-1,64] | y FP32 [-1,10]")]
    [InlineData("input { name: 'x' dims: [5, 64] }", 0, false, "x FP32 [5,64] | y FP32 [-1,10]")]
    [InlineData("input { name: 'x' dims: 64 } output { name: 'y' dims: 10 } max_batch_size: 8", 8, false, "x FP32 [64] | y FP32 [10]")]
    [InlineData("input { name: 'x' dims: [-1, 64] } output { name: 'y' dims: [-1, 10] }", 0, false, "x FP32 [-1,64] | y FP32 [-1,10]")]
    [InlineData("input { name: 'x' dims: 64 data_type: TYPE_FP32 reshape { shape: 64 } }", 4, true, "x FP32 [64]→[64] | y FP32 [10]")]
    [InlineData("max_batch_size: 8 input { name: 'x' dims: [8, 8] reshape { shape: 64 } }", 8, true, "x FP32 [8,8]→[64] | y FP32 [10]")]
    public void Complete_ShortConfiguration_FollowsTriton(string text, int maxBatchSize, bool isDynamic, string tensors)
    {
        ModelConfig config = Complete(text, Batchable);

        Assert.Equal((maxBatchSize, isDynamic), (config.MaxBatchSize, config.DynamicBatching is not null));
        Assert.Equal(tensors, Tensors(config));
    }

    [Fact]
    public void Complete_FixedFirstDimension_DoesNotBatch()
    {
        ModelConfig config = Complete("", File([Fp32("x", 1, 64)], [Fp32("y", 1, 10)]));

        Assert.Equal((0, null), (config.MaxBatchSize, config.DynamicBatching));
        Assert.Equal("x FP32 [1,64] | y FP32 [1,10]", Tensors(config));
    }

    [Fact]
    public void Complete_BatchNotFirst_DoesNotBatch()
    {
        ModelSignature recurrent = File(
            [Fp32("input", -1, -1), Fp32("state", 2, -1, 128), new TensorSignature("sr", DataType.Int64)],
            [Fp32("output", -1, 1), Fp32("stateN", 2, -1, 128)]);

        ModelConfig config = Complete("", recurrent);

        Assert.Equal(0, config.MaxBatchSize);
        Assert.Equal("input FP32 [-1,-1] state FP32 [2,-1,128] sr INT64 [1]→[] | output FP32 [-1,1] stateN FP32 [2,-1,128]", Tensors(config));
    }

    [Fact]
    public void Complete_OneNumberARow_ReshapesToNothing()
    {
        ModelConfig config = Complete("", File([Fp32("x", -1)], [new TensorSignature("y", DataType.Bytes, -1)]));

        Assert.Equal(4, config.MaxBatchSize);
        Assert.Equal("x FP32 [1]→[] | y BYTES [1]→[]", Tensors(config));
    }

    [Fact]
    public void Complete_DeclaredScalar_IsGivenToTheModelAsOne() =>
        Assert.Equal("s FP32 [1]→[] | y FP32 [3]", Tensors(Complete("input { name: 's' dims: 1 }", File([Fp32("s")], [Fp32("y", 3)]))));

    [Fact]
    public void Complete_InputsLeftOut_AreAddedAndOutputsLeftOutAreNot()
    {
        ModelSignature file = File([Fp32("a", -1, 1), Fp32("b", -1, 2)], [Fp32("c", -1, 3), Fp32("d", -1, 4)]);

        Assert.Equal("b FP32 [2] a FP32 [1] | d FP32 [4]", Tensors(Complete("max_batch_size: 8 input { name: 'b' } output { name: 'd' }", file)));
    }

    [Fact]
    public void Complete_UnknownSizes_MayBeNarrowedForInputs()
    {
        ModelSignature file = File([Fp32("x", -1, 3, -1, -1)], [Fp32("y", -1, -1)]);

        Assert.Equal("x FP32 [3,224,224] | y FP32 [-1]", Tensors(Complete("max_batch_size: 8 input { name: 'x' dims: [3, 224, 224] }", file)));
    }

    [Fact]
    public void Complete_UnnamedGroups_AreNamed()
    {
        ModelConfig config = Complete("instance_group [ { count: 1 }, { name: 'mine' } ]", Batchable);

        Assert.Equal(["m_0", "mine"], config.InstanceGroups.Select(g => g.Name));
    }

    [Theory]
    [InlineData("max_batch_size: 8 input { name: 'x' dims: [1, 64] }",
        "c:1:44: model 'm', tensor 'x': the model expects 2 dimensions (shape [-1,64]) but the model configuration specifies 3 dimensions (an initial batch dimension because max_batch_size > 0 followed by the explicit tensor shape, making complete shape [-1,1,64])")]
    [InlineData("max_batch_size: 8 input { name: 'x' dims: 32 }",
        "c:1:43: model 'm', tensor 'x': the model expects 2 dimensions (shape [-1,64]) but the model configuration specifies 2 dimensions (an initial batch dimension because max_batch_size > 0 followed by the explicit tensor shape, making complete shape [-1,32])")]
    [InlineData("max_batch_size: 0 input { name: 'x' dims: 64 }",
        "c:1:43: model 'm', tensor 'x': the model expects 2 dimensions (shape [-1,64]) but the model configuration specifies 1 dimensions (shape [64])")]
    [InlineData("max_batch_size: 0 output { name: 'y' dims: [4, 10] }",
        "c:1:45: model 'm', tensor 'y': the model expects 2 dimensions (shape [-1,10]) but the model configuration specifies 2 dimensions (shape [4,10])")]
    [InlineData("max_batch_size: 8 input { name: 'x' dims: -1 }",
        "c:1:43: model 'm', tensor 'x': the model expects 2 dimensions (shape [-1,64]) but the model configuration specifies 2 dimensions (an initial batch dimension because max_batch_size > 0 followed by the explicit tensor shape, making complete shape [-1,-1])")]
    [InlineData("max_batch_size: 8 input { name: 'x' dims: 64 reshape { shape: [8, 8] } }",
        "c:1:46: model 'm', tensor 'x': the model expects 2 dimensions (shape [-1,64]) but the model configuration specifies 3 dimensions (an initial batch dimension because max_batch_size > 0 followed by the explicit tensor shape, making complete shape [-1,8,8])")]
    [InlineData("input { name: 'z' dims: 64 }", "c:1:15: unexpected inference input 'z', allowed inputs are: x")]
    [InlineData("output { name: 'z' }", "c:1:16: unexpected inference output 'z', allowed outputs are: y")]
    [InlineData("input { name: 'x' data_type: TYPE_STRING }", "c:1:30: unable to load model 'm', configuration expects datatype TYPE_STRING for input 'x', model provides TYPE_FP32")]
    [InlineData("dynamic_batching { preferred_batch_size: 64 }", "c:1:42: dynamic batching preferred size must be <= max batch size for m: 64 > 4")]
    [InlineData("model_warmup { batch_size: 8 inputs { key: 'x' value { data_type: TYPE_FP32 dims: 64 zero_data: true } } }", "c:1:28: warm-up '' has batch_size 8, beyond the 4 that model 'm' takes")]
    [InlineData("model_warmup { batch_size: 1 inputs { key: 'x' value { data_type: TYPE_INT8 dims: 64 zero_data: true } } }", "c:1:67: warm-up input 'x' must be FP32, got INT8")]
    [InlineData("model_warmup { batch_size: 1 inputs { key: 'x' value { data_type: TYPE_FP32 dims: [1, 64] zero_data: true } } }", "c:1:84: warm-up input 'x' must have shape [64], got [1,64]")]
    [InlineData("model_warmup { batch_size: 1 }", "c:1:1: warm-up '' has no data for input 'x'")]
    [InlineData("model_warmup { batch_size: 1 inputs { key: 'x' value { data_type: TYPE_FP32 dims: 64 zero_data: true } } inputs { key: 'q' value { data_type: TYPE_FP32 zero_data: true } } }", "c:1:106: unexpected warm-up input 'q', allowed inputs are: x")]
    public void Complete_Disagreement_SaysWhatAndWhere(string text, string expected) =>
        Assert.Equal(expected, Assert.Throws<ModelConfigException>(() => Complete(text, Batchable)).Message);

    [Theory]
    [InlineData("max_batch_size: 8", "c:1:17: autofill failed for model 'm': model does not support batching while non-zero max_batch_size is specified")]
    [InlineData(
        "max_batch_size: 8 input { name: 'state' dims: [2, 128] } output { name: 'y' dims: 1 }",
        "c:1:48: model 'm', tensor 'state': for the model to support batching the shape should have at least 1 dimension and the first dimension must be -1; but shape expected by the model is [2,-1,128], by its names [2,batch,128]; for a model without a batch dimension set max_batch_size to 0 and write whole shapes")]
    public void Complete_BatchSizeOnAModelThatCannotBatch_IsRefused(string text, string expected)
    {
        ModelSignature file = File([new TensorSignature("state", DataType.Fp32, [2, -1, 128], [null, "batch", null])], [Fp32("y", -1, 1)]);

        Assert.Equal(expected, Assert.Throws<ModelConfigException>(() => Complete(text, file)).Message);
    }

    [Fact]
    public void Complete_ScalarDeclaredAsMore_IsRefused()
    {
        ModelConfigException exception = Assert.Throws<ModelConfigException>(() => Complete("input { name: 's' dims: 2 }", File([Fp32("s")], [Fp32("y", 3)])));

        Assert.StartsWith("c:1:25: unable to load model 'm', scalar tensor 's', should only provide 1", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Complete_UnknownElementType_IsRefusedEvenWithoutConfiguration()
    {
        ModelConfigException exception = Assert.Throws<ModelConfigException>(() =>
            ModelConfigCompletion.Complete(null, "m", File([new TensorSignature("x", DataType.Invalid, -1)], [Fp32("y", -1)])));

        Assert.Equal("m: unable to load model 'm', input 'x' has an element type that this server cannot carry", exception.Message);
    }

    [Fact]
    public void Complete_SeveralDisagreements_AreAllReported()
    {
        ModelConfigException exception = Assert.Throws<ModelConfigException>(() =>
            Complete("max_batch_size: 8 input { name: 'x' data_type: TYPE_INT8 dims: 3 } output { name: 'z' dims: 1 }", Batchable));

        Assert.Equal(["input[0].data_type", "input[0].dims", "output[0].name"], exception.Errors.Select(e => e.Path));
    }

    [Fact]
    public void Complete_CompletedConfiguration_IsUnchanged()
    {
        foreach (ModelSignature file in new[] { Batchable, File([Fp32("s")], [Fp32("y", 3)]), File([Fp32("x", -1)], [Fp32("y", -1)]) })
        {
            ModelConfig once = ModelConfigCompletion.Complete(null, "m", file);

            Assert.Equal(ConfigText.Write(once), ConfigText.Write(ModelConfigCompletion.Complete(once, "m", file)));
        }
    }

    private static ModelConfig Complete(string text, ModelSignature file) =>
        ModelConfigCompletion.Complete(ModelConfigReader.ReadText(System.Text.Encoding.UTF8.GetBytes(text), "c", "m"), "m", file);

    private static ModelSignature File(TensorSignature[] inputs, TensorSignature[] outputs) => new(inputs, outputs);

    private static TensorSignature Fp32(string name, params long[] dims) => new(name, DataType.Fp32, dims);

    private static string Tensors(ModelConfig config) => $"{string.Join(' ', config.Inputs.Select(Describe))} | {string.Join(' ', config.Outputs.Select(Describe))}";

    private static string Describe(TensorConfig tensor)
    {
        string reshape = tensor.Reshape is null ? "" : $"→[{string.Join(',', tensor.Reshape)}]";
        return $"{tensor.Name} {tensor.DataType.WireName()} [{string.Join(',', tensor.Dims)}]{reshape}";
    }
}
