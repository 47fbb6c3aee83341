using Gateway.Core.Memory;
using Gateway.Core.Models;
using Gateway.Core.Requests;
using Gateway.Core.Scheduling;
using Gateway.Protocol;
using Gateway.Protocol.Tensors;
using Gateway.TestSupport;

namespace Gateway.UnitTests.Requests;

/// <summary>The texts are those that Triton's clients know.</summary>
public sealed class RequestValidationTests
{
    private const string Unknown = "[request id: <id_unknown>] ";

    private const string BatchNote =
        " NOTE: Setting a non-zero max_batch_size in the model config requires a batch dimension to be prepended to each input shape. " +
        "If you want to specify the full shape including the batch dim in your input dims config, try setting max_batch_size to zero. " +
        "See the model configuration docs for more info on max_batch_size.";

    [Fact]
    public Task Check_Fitting_SetsRowsAndNoKey() => WithModelAsync(true, [Spec("x", 2)], request =>
    {
        Put(request, 0, DataType.Int64, 48, 3, 2);

        RequestValidation.Check(request);

        Assert.Equal((3, 0UL), (request.Rows, request.ShapeKey));
    });

    [Fact]
    public Task Check_ModelWithoutBatchDimension_IsOneRow() => WithModelAsync(false, [Spec("x", 2)], request =>
    {
        Put(request, 0, DataType.Int64, 16, 2);

        RequestValidation.Check(request);

        Assert.Equal(1, request.Rows);
    });

    [Fact]
    public Task Check_Scalar_IsOneElement() => WithModelAsync(false, [Spec("x")], request =>
    {
        Put(request, 0, DataType.Int64, 8);

        RequestValidation.Check(request);
    });

    [Fact]
    public Task Check_ChosenDimensions_GiveAKeyThatTellsThemApart() => WithModelAsync(true, [Spec("x", -1, -1)], request =>
    {
        HashSet<ulong> keys = [];
        for (int height = 1; height <= 30; height++)
        {
            for (int width = 1; width <= 30; width++)
            {
                Put(request, 0, DataType.Int64, 8 * height * width, 1, height, width);
                RequestValidation.Check(request);
                keys.Add(request.ShapeKey);
            }
        }

        Assert.Equal(900, keys.Count);
    });

    // The batch dimension is no part of the key.
    [Fact]
    public Task Check_OtherRowCount_GivesTheSameKey() => WithModelAsync(true, [Spec("x", -1)], request =>
    {
        Put(request, 0, DataType.Int64, 24, 1, 3);
        RequestValidation.Check(request);
        ulong key = request.ShapeKey;
        Put(request, 0, DataType.Int64, 48, 2, 3);
        RequestValidation.Check(request);

        Assert.Equal(key, request.ShapeKey);
    });

    // Elements of a row, of the inputs that requests choose a dimension of: 2 times 64 of x, 16 of y.
    [Fact]
    public Task Check_ChosenDimensions_GiveTheClassOfARowsElements() => WithModelAsync(true, [Spec("x", 2, -1), Spec("fixed", 1000), Spec("y", -1)], request =>
    {
        foreach (int rows in (int[])[1, 3])
        {
            Put(request, 0, DataType.Int64, 8 * rows * 128, rows, 2, 64);
            Put(request, 1, DataType.Int64, 8 * rows * 1000, rows, 1000);
            Put(request, 2, DataType.Int64, 8 * rows * 16, rows, 16);
            RequestValidation.Check(request);

            Assert.Equal(ShapeClasses.Of(144), request.ShapeClass);
        }
    });

    [Fact]
    public Task Check_FixedDimensions_HaveOneClass() => WithModelAsync(true, [Spec("x", 64)], request =>
    {
        Put(request, 0, DataType.Int64, 8 * 64, 1, 64);
        RequestValidation.Check(request);

        Assert.Equal(0, request.ShapeClass);
    });

    public static TheoryData<DataType, int, long[], string> Misfits => new()
    {
        { DataType.Fp32, 8, [1, 2], "inference input 'x' data-type is 'FP32', but model 'm' expects 'INT64'" },
        { DataType.Int64, 16, [], "input 'x' has no shape but model requires batch dimension for 'm'" },
        { DataType.Int64, 24, [1, 3], "unexpected shape for input 'x' for model 'm'. Expected [-1,2], got [1,3]." + BatchNote },
        { DataType.Int64, 16, [2], "unexpected shape for input 'x' for model 'm'. Expected [-1,2], got [2]." + BatchNote },
        { DataType.Int64, 16, [1, 1, 2], "unexpected shape for input 'x' for model 'm'. Expected [-1,2], got [1,1,2]." + BatchNote },
        { DataType.Int64, 16, [-1, 2], "unexpected shape for input 'x' for model 'm'. Expected [-1,2], got [-1,2]." + BatchNote },
        { DataType.Int64, 16, [1, -2], "unexpected shape for input 'x' for model 'm'. Expected [-1,2], got [1,-2]." + BatchNote },
        { DataType.Int64, 0, [0, 2], "input 'x' has a batch dimension of 0 for 'm': a request must bring at least one row" },
        { DataType.Int64, 17, [1, 2], "input byte size mismatch for input 'x' for model 'm'. Expected 16, got 17" },
        { DataType.Int64, 8, [1, 2], "input byte size mismatch for input 'x' for model 'm'. Expected 16, got 8" },
        {
            DataType.Int64, 8, [long.MaxValue, 2],
            $"unexpected shape for input 'x' for model 'm'. Expected [-1,2], got [{long.MaxValue},2]." + BatchNote
        },
        {
            DataType.Int64, 8, [long.MaxValue / 2, 2],
            $"input byte size mismatch for input 'x' for model 'm'. Expected {long.MaxValue}, got 8"
        },
    };

    [Theory]
    [MemberData(nameof(Misfits))]
    public Task Check_Misfit_SaysWhatAndWhere(DataType type, int bytes, long[] shape, string expected) => WithModelAsync(true, [Spec("x", 2)], request =>
    {
        Put(request, 0, type, bytes, shape);

        AssertInvalid(request, Unknown + expected);
    });

    [Fact]
    public Task Check_WithoutBatchDimension_ShapeErrorHasNoNoteOnIt() => WithModelAsync(false, [Spec("x", 2)], request =>
    {
        Put(request, 0, DataType.Int64, 24, 3);
        request.Id = "7";

        AssertInvalid(request, "[request id: 7] unexpected shape for input 'x' for model 'm'. Expected [2], got [3].");
    });

    [Fact]
    public Task Check_MissingInputs_NamesWhatCameAndWhatDidNot() => WithModelAsync(true, [Spec("x", 2), Spec("y", 1), Spec("z", 1)], request =>
    {
        Put(request, 0, DataType.Int64, 16, 1, 2);

        AssertInvalid(
            request,
            Unknown + "expected 3 inputs but got 1 inputs for model 'm'. Got input(s) ['x'], but missing required input(s) ['y', 'z']. " +
            "Please provide all required input(s).");
    });

    [Fact]
    public Task Check_RowsDiffer_IsRefused() => WithModelAsync(true, [Spec("x", 1), Spec("y", 1)], request =>
    {
        Put(request, 0, DataType.Int64, 16, 2, 1);
        Put(request, 1, DataType.Int64, 8, 1, 1);

        AssertInvalid(request, Unknown + "input 'y' batch size does not match other inputs for 'm'");
    });

    [Fact]
    public Task Check_MoreRowsThan1024BatchesOf4_IsRefused() => WithModelAsync(true, [Spec("x", -1)], request =>
    {
        Put(request, 0, DataType.Int64, 0, 4096, 0);
        RequestValidation.Check(request);
        Put(request, 0, DataType.Int64, 0, 4097, 0);

        AssertInvalid(request, Unknown + "inference request batch-size must be <= 4096 for 'm'");
    });

    internal static TensorSpec Spec(string name, params ReadOnlySpan<long> dims) => TestModelSetup.Tensor(name, DataType.Int64, dims);

    internal static void AssertInvalid(InferenceRequest request, string expected)
    {
        InferenceException error = Assert.Throws<InferenceException>(() => RequestValidation.Check(request));
        Assert.Equal((StatusCode.InvalidArgument, expected), (error.Status, error.Message));
    }

    internal static async Task WithModelAsync(bool isBatching, TensorSpec[] inputs, Action<InferenceRequest> act)
    {
        PuppetStage stage = new();
        await using TestModel model = new(new TestModelSetup
        {
            CreateExecutor = stage.CreateExecutor,
            IsBatching = isBatching,
            Inputs = inputs,
            Policy = new BatchingPolicy { MaxBatchRows = 4 },
        });
        using InferenceRequest request = model.Model.RentRequest();
        Assert.True(model.Pool.TryRent(1 << 16, BlockOwner.RequestTensors, out MemoryBlock? block));
        request.Block = block;
        act(request);
    }

    private static void Put(InferenceRequest request, int input, DataType type, int bytes, params ReadOnlySpan<long> shape) =>
        request.Inputs[input] = new InputTensor { DataType = type, Shape = new TensorShape(shape), ByteLength = bytes };
}
