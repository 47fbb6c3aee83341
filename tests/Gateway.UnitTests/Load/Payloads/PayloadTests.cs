using System.Text;
using System.Text.Json;
using Gateway.Load;
using Gateway.Load.Payloads;
using Gateway.Protocol.Tensors;

namespace Gateway.UnitTests.Load.Payloads;

public sealed class PayloadTests : IDisposable
{
    private static readonly ModelDescription Model = ModelDescription.Parse(
        """{"name":"m","inputs":[{"name":"x","datatype":"FP32","shape":[-1,2,-1]},{"name":"t","datatype":"BYTES","shape":[-1,1]}],"outputs":[{"name":"y","datatype":"INT64","shape":[-1]}]}"""u8.ToArray());

    private readonly string _file = Path.GetTempFileName();

    public void Dispose() => File.Delete(_file);

    [Fact]
    public void Create_ShapesAndRanges_AreKept()
    {
        PayloadRecipe recipe = new() { Distinct = 5, Rows = 3, Shapes = new Dictionary<string, long[]> { ["x"] = [3, 2, 4] }, Ranges = new Dictionary<string, (double, double)> { ["x"] = (5, 6) } };

        RequestPayload[] payloads = RandomPayloads.Create(Model, recipe, seed: 1);

        Assert.Equal(5, payloads.Length);
        TensorPayload x = payloads[0].Inputs[0];
        Assert.Equal([3, 2, 4], x.Shape);
        Assert.Equal(3 * 2 * 4 * sizeof(float), x.Data.Length);
        for (int i = 0; i < 24; i++) Assert.InRange(BitConverter.ToSingle(x.Data, i * 4), 5, 6);
        Assert.Equal([3, 1], payloads[0].Inputs[1].Shape);
        Assert.NotEqual(payloads[0].Inputs[0].Data, payloads[1].Inputs[0].Data);
        Assert.Equal(payloads[4].Inputs[0].Data, RandomPayloads.Create(Model, recipe, seed: 1)[4].Inputs[0].Data);
    }

    [Theory]
    [InlineData(null, "say which size to send with --shape x:1,2,N")]
    [InlineData("x:1,3,4", "does not fit input 'x'")]
    [InlineData("z:1", "has no input 'z'")]
    public void Create_ShapeMissingOrWrong_SaysWhatToGive(string? shape, string message)
    {
        PayloadRecipe recipe = new();
        if (shape is not null) recipe = recipe with { Shapes = new Dictionary<string, long[]> { [shape[..1]] = [.. shape[2..].Split(',').Select(long.Parse)] } };

        LoadException exception = Assert.Throws<LoadException>(() => RandomPayloads.Create(Model, recipe, 1));

        Assert.Equal(ExitCode.BadSettings, exception.ExitCode);
        Assert.Contains(message, exception.Message);
    }

    [Fact]
    public void Next_Zipf_IsAsPopularAsItsRank()
    {
        PayloadPicker picker = new(1000, zipfExponent: 1, seed: 3);
        int[] counts = new int[1000];
        for (int i = 0; i < 400_000; i++) counts[picker.Next()]++;

        double sum = Enumerable.Range(1, 1000).Sum(rank => 1.0 / rank);
        foreach (int rank in (ReadOnlySpan<int>)[1, 2, 5, 20, 100]) Assert.Equal(1 / (rank * sum), counts[rank - 1] / 400_000.0, 0.15 / (rank * sum));
    }

    [Theory]
    [InlineData("FP32", "[1.5, -2]")]
    [InlineData("INT64", "[9007199254740993, -1]")]
    [InlineData("UINT64", "[18446744073709551615, 0]")]
    [InlineData("BYTES", "[\"a\", \"ü\"]")]
    [InlineData("BOOL", "[true, false]")]
    public void Read_WhatIsWritten_IsTheSame(string type, string data)
    {
        TensorPayload tensor = Read($$"""[{"name":"x","datatype":"{{type}}","shape":[2],"data":{{data}}}]""");

        using MemoryStream stream = new();
        using (Utf8JsonWriter json = new(stream)) TensorJson.WriteData(json, tensor);

        Assert.Equal(tensor.Data, Read($$"""[{"name":"x","datatype":"{{type}}","shape":[2],"data":{{Encoding.UTF8.GetString(stream.ToArray())}}}]""").Data);
        Assert.Equal(tensor.DataType, DataTypes.Parse(Encoding.UTF8.GetBytes(type)));
    }

    [Theory]
    [InlineData("""[{"name":"x","datatype":"FP32","shape":[2],"data":[1]}]""")]
    [InlineData("""[{"name":"x","datatype":"FP31","shape":[1],"data":[1]}]""")]
    [InlineData("""[{"name":"x","datatype":"FP32","shape":[-1],"data":[1]}]""")]
    [InlineData("""[{"name":"x","datatype":"FP32","shape":[1],"data":["one"]}]""")]
    [InlineData("""[{"name":"x","datatype":"FP32","shape":[1]}]""")]
    [InlineData("{}")]
    public void Read_Malformed_IsAFormatException(string json) => Assert.Throws<FormatException>(() => Read(json));

    [Fact]
    public void TraceRead_TimesAndInputs_BeginAtZero()
    {
        File.WriteAllText(_file, "{\"at\":10.5,\"inputs\":[{\"name\":\"x\",\"datatype\":\"INT8\",\"shape\":[1],\"data\":[1]}]}\n\n{\"at\":11,\"inputs\":[{\"name\":\"x\",\"datatype\":\"INT8\",\"shape\":[1],\"data\":[2]}]}\n");

        Trace trace = Trace.Read(_file);

        Assert.Equal([0, 0.5], trace.Times);
        Assert.Equal([2], trace.Payloads[1].Inputs[0].Data);
    }

    [Theory]
    [InlineData("{\"at\":1}\n{\"at\":0}", ":2: 'at' goes back in time")]
    [InlineData("{\"when\":1}", ":1: 'at' (seconds) is missing")]
    [InlineData("{\"at\":1}\nnonsense", ":2: ")]
    [InlineData("", "no arrivals")]
    public void TraceRead_Bad_SaysWhichLine(string text, string message)
    {
        File.WriteAllText(_file, text);

        Assert.Contains(message, Assert.Throws<LoadException>(() => Trace.Read(_file)).Message);
    }

    private static TensorPayload Read(string json)
    {
        using JsonDocument document = JsonDocument.Parse(json);
        return TensorJson.Read(document.RootElement).Single();
    }
}
