using System.Text;
using Gateway.Compiling;
using Gateway.Core.Models;
using Gateway.Core.Models.Configuration;
using Gateway.OnnxRuntime.Backend.Compiled;
using Gateway.Precompute;
using Gateway.Protocol.Tensors;

namespace Gateway.UnitTests.Compiling;

public sealed class RequestTensorsTests
{
    private static readonly ModelLayout Layout = new(
        "m", 1, new ModelConfig { Name = "m", MaxBatchSize = 8 }, [new TensorSpec("x", DataType.Int16, [2], [1, 2], []), new TensorSpec("text", DataType.Bytes, [1], [1], [])], []);

    [Fact]
    public void Read_Json_IsWhatTheModelTakes()
    {
        IReadOnlyList<TrialTensor> tensors = Read("""{"inputs":[{"name":"x","datatype":"INT16","shape":[2,2],"data":[[1,2],[3,-4]]},{"name":"text","datatype":"BYTES","shape":[1,1],"data":["é"]}]}""");

        Assert.Equal(["x [2,1,2] 010002000300FCFF", "text [1,1] 02000000C3A9"], tensors.Select(Text));
    }

    [Fact]
    public void Read_BinaryData_IsTakenAsItIs()
    {
        string head = """{"inputs":[{"name":"x","datatype":"INT16","shape":[1,2],"parameters":{"binary_data_size":4}},{"name":"text","datatype":"BYTES","shape":[1,1],"parameters":{"binary_data_size":5}}]}""";

        IReadOnlyList<TrialTensor> tensors = RequestTensors.Read(new PreparedRequest([.. Encoding.UTF8.GetBytes(head), 1, 0, 2, 0, 1, 0, 0, 0, 65], head.Length), Layout);

        Assert.Equal(["x [1,1,2] 01000200", "text [1,1] 0100000041"], tensors.Select(Text));
    }

    [Theory]
    [InlineData("a request cannot be read", "{")]
    [InlineData("a request cannot be read", """{"inputs":[{"name":"x","datatype":"INT16","shape":[1,2],"data":[1,70000]}]}""")]
    [InlineData("a request cannot be read", """{"inputs":[{"name":"x","datatype":"INT16","shape":[1,2],"parameters":{"binary_data_size":4}}]}""")]
    [InlineData("no input 'y'", """{"inputs":[{"name":"y","datatype":"INT16","shape":[1,2],"data":[1,2]}]}""")]
    [InlineData("'x' is of type INT32", """{"inputs":[{"name":"x","datatype":"INT32","shape":[1,2],"data":[1,2]}]}""")]
    [InlineData("'x' has not as many elements as the shape [1,2]", """{"inputs":[{"name":"x","datatype":"INT16","shape":[1,2],"data":[1]}]}""")]
    [InlineData("a request has no 'text'", """{"inputs":[{"name":"x","datatype":"INT16","shape":[1,2],"data":[1,2]}]}""")]
    public void Read_DoesNotFit_SaysWhy(string problem, string json) =>
        Assert.Contains(problem, Assert.Throws<InvalidDataException>(() => Read(json)).Message, StringComparison.Ordinal);

    private static IReadOnlyList<TrialTensor> Read(string json) => RequestTensors.Read(new PreparedRequest(Encoding.UTF8.GetBytes(json), HeadLength: null), Layout);

    private static string Text(TrialTensor tensor) => $"{tensor.Name} [{string.Join(',', tensor.Shape)}] {Convert.ToHexString(tensor.Raw.Span)}";
}
