using Gateway.OnnxRuntime.Sessions;
using Gateway.OnnxRuntime.Values;
using Gateway.Protocol.Tensors;

namespace Gateway.UnitTests.OnnxRuntime;

[Collection(OrtTests.Name)]
public sealed class OrtSessionMetadataTests(OrtFixture fixture)
{
    public static TheoryData<DataType> TensorTypes => [.. Enum.GetValues<DataType>().Where(type => type != DataType.Invalid)];

    [Theory]
    [MemberData(nameof(TensorTypes))]
    public void Inputs_OfEveryElementType_HaveThatType(DataType type)
    {
        using OrtSession session = fixture.Load("echo_" + type.ToString().ToLowerInvariant());

        OrtValueInfo input = Assert.Single(session.Inputs);
        Assert.Equal("in", input.Name);
        Assert.Equal(OrtValueKind.Tensor, input.Kind);
        Assert.Equal(type, input.ElementType);
        Assert.Null(input.WhyUnsupported);
        Assert.Equal([new OrtDimension(-1, "batch"), new OrtDimension(2, null)], input.Dimensions);
        Assert.Equal(type, Assert.Single(session.Outputs).ElementType);
    }

    [Fact]
    public void Inputs_SeveralWithAnOpenDimension_KeepTheModelsOrder()
    {
        using OrtSession session = fixture.Load("add");

        Assert.Equal(["a", "b"], session.Inputs.Select(input => input.Name));
        Assert.Equal([new OrtDimension(-1, "batch"), new OrtDimension(-1, null)], session.Inputs[1].Dimensions);
        Assert.Equal("sum: float[batch,-1]", session.Outputs[0].ToString());
    }

    [Fact]
    public void Dimensions_OfAScalar_AreEmptyAndOfUnknownRankNull()
    {
        using OrtSession scalar = fixture.Load("scalar");
        using OrtSession unknown = fixture.Load("unknown_rank");

        Assert.Empty(scalar.Outputs[0].Dimensions!);
        Assert.Null(unknown.Outputs[0].Dimensions);
        Assert.Null(unknown.Outputs[0].WhyUnsupported);
    }

    [Fact]
    public void OverridableInitializers_OfAModelWithOne_AreNotInputs()
    {
        using OrtSession session = fixture.Load("overridable");

        Assert.Equal("x", Assert.Single(session.Inputs).Name);
        Assert.Equal("factor", Assert.Single(session.OverridableInitializers).Name);
    }

    [Fact]
    public void WhyUnsupported_OfASequence_SaysSo()
    {
        using OrtSession session = fixture.Load("sequence");

        Assert.Equal(OrtValueKind.Sequence, session.Outputs[0].Kind);
        Assert.Equal("is a sequence, not a tensor", session.Outputs[0].WhyUnsupported);
    }

    [Fact]
    public void WhyUnsupported_OfAnElementTypeWithoutName_NamesIt()
    {
        using OrtSession session = fixture.Load("echo_float8");

        Assert.Equal(DataType.Invalid, session.Inputs[0].ElementType);
        Assert.Equal("has element type float8e4m3fn, which the protocols have no type for", session.Inputs[0].WhyUnsupported);
    }

    [Fact]
    public void ReadCustomMetadata_OfAModelWithSome_HasAllOfIt()
    {
        using OrtSession with = fixture.Load("echo_fp32");
        using OrtSession without = fixture.Load("add");

        Assert.Equal(new Dictionary<string, string> { ["purpose"] = "echo", ["element"] = "fp32" }, with.ReadCustomMetadata());
        Assert.Empty(without.ReadCustomMetadata());
    }
}
