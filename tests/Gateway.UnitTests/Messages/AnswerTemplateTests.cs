using System.Buffers;
using Gateway.Core.Requests;
using Gateway.Protocol.Tensors;
using Gateway.Server.MessagePack;
using Gateway.TestSupport;

namespace Gateway.UnitTests.Messages;

/// <summary>Answers from a template are the answers without one.</summary>
public sealed class AnswerTemplateTests : IAsyncDisposable
{
    private readonly TestModel _one = Model();
    private readonly TestModel _other = Model();
    private readonly AnswerTemplate _template = new();

    public async ValueTask DisposeAsync()
    {
        await _one.DisposeAsync();
        await _other.DisposeAsync();
    }

    [Fact]
    public void Write_TheSameShapes_IsTheAnswer()
    {
        bool[] fits = [.. Enumerable.Range(0, 5).Select(i => IsRight(_one, rows: 2, width: 3, seed: i))];

        Assert.Equal([false, true, true, true, true], fits);
    }

    [Fact]
    public void Write_OtherShapes_IsTheAnswer()
    {
        for (int i = 0; i < 40; i++) IsRight(_one, rows: 1 + (i / 3 % 3), width: 1 + (i / 7 % 4), seed: i);

        Assert.True(IsRight(_one, rows: 100, width: 2, seed: 1));
    }

    [Fact]
    public void Fits_ModelsInTurn_IsNotMadeAnewEachTime()
    {
        bool[] fits = [.. Enumerable.Range(0, 8).Select(i => IsRight(i % 2 == 0 ? _one : _other, rows: 1, width: 1, seed: i))];

        Assert.DoesNotContain(true, fits);
    }

    [Fact]
    public void Fits_IdOrChosenOutputs_Never()
    {
        IsRight(_one, rows: 1, width: 1, seed: 1);
        Assert.True(IsRight(_one, rows: 1, width: 1, seed: 1));

        Assert.False(IsRight(_one, rows: 1, width: 1, seed: 1, id: "a"));
        Assert.False(IsRight(_one, rows: 1, width: 1, seed: 1, wanted: [1]));
        Assert.False(IsRight(_one, rows: 1, width: 1, seed: 1, wanted: [1, 0]));
    }

    [Fact]
    public void Fits_TooLarge_Never()
    {
        for (int i = 0; i < 3; i++) Assert.False(IsRight(_one, rows: 1, width: 1000, seed: 1));
    }

    private static TestModel Model() => new(new TestModelSetup
    {
        CreateExecutor = (layout, pool, time) => new FunctionExecutor(layout, pool, time, (_, _, _) => { }),
        Outputs = [TestModelSetup.Tensor("y", DataType.Int64, -1), TestModelSetup.Tensor("probabilities of it", DataType.Fp32, -1)],
    });

    /// <summary>Writes an answer both ways where the template fits, and compares.</summary>
    /// <returns>Whether it fits.</returns>
    private bool IsRight(TestModel model, int rows, int width, int seed, string id = "", List<int>? wanted = null)
    {
        using InferenceRequest request = model.Model.RentRequest();
        request.Id = id;
        Random random = new(seed);
        byte[] longs = new byte[rows * width * sizeof(long)];
        byte[] floats = new byte[rows * width * sizeof(float)];
        random.NextBytes(longs);
        random.NextBytes(floats);
        TensorShape shape = new([rows, width]);
        BlockOutput output = BlockOutput.Of(model.Pool, new BlockOutput.Tensor(DataType.Int64, shape, longs), new BlockOutput.Tensor(DataType.Fp32, shape, floats));
        for (int i = 0; i < 2; i++) request.OutputSlots[i] = output.Tensors[i];
        request.SetOutputs(output);
        ArrayBufferWriter<byte> expected = new();
        InferAnswer.Write(expected, request, wanted ?? []);
        Assert.Equal(expected.WrittenCount, InferAnswer.Bytes(request, wanted ?? []));
        if (!_template.Fits(request, wanted ?? [])) return false;

        byte[] actual = new byte[_template.Bytes];
        _template.Write(actual, request);
        Assert.Equal(expected.WrittenSpan.ToArray(), actual);
        return true;
    }
}
