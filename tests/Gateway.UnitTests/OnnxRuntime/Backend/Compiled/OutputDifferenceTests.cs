using System.Runtime.InteropServices;
using Gateway.OnnxRuntime.Backend.Compiled;
using Gateway.Protocol.Tensors;
using Gateway.UnitTests.Models;

namespace Gateway.UnitTests.OnnxRuntime.Backend.Compiled;

public sealed class OutputDifferenceTests
{
    [Fact]
    public void Add_Numbers_LargestDifferenceIsToTheValueOrToOne()
    {
        OutputDifference difference = Of(DataType.Fp32, [0.001f, 100, 5], [0.0015f, 100.05f, 5]);

        Assert.Equal((3, 2), (difference.Elements, difference.Differing));
        Assert.Equal(0.05, difference.Absolute, 0.0001);
        Assert.Equal(0.0005, difference.Relative, 0.00001);
        Assert.True(difference.IsAccepted);
    }

    [Theory]
    [InlineData(1.0009f, null, true)]
    [InlineData(1.0011f, null, false)]
    [InlineData(1.0011f, 0.01, true)]
    [InlineData(1.0001f, 0.0, false)]
    [InlineData(1f, 0.0, true)]
    [InlineData(float.NaN, 1.0, false)]
    [InlineData(float.PositiveInfinity, 1.0, false)]
    public void IsAccepted_Tolerance_IsTheTypesUnlessGiven(float actual, double? tolerance, bool isAccepted) =>
        Assert.Equal(isAccepted, Of(DataType.Fp32, [1f], [actual], tolerance).IsAccepted);

    [Fact]
    public void Add_SameThatIsNoNumberOrWithoutEnd_DoesNotDiffer()
    {
        OutputDifference difference = Of(DataType.Fp32, [float.NaN, float.NegativeInfinity, 0f], [-float.NaN, float.NegativeInfinity, -0f]);

        Assert.Equal(0, difference.Differing);
        Assert.True(difference.IsAccepted);
    }

    [Fact]
    public void Add_WholeNumbersOfSixtyFourBits_DifferByOne()
    {
        Assert.False(Of(DataType.Int64, [(1L << 60) + 1], [1L << 60], tolerance: 1).IsAccepted);
        Assert.True(Of(DataType.Int64, [5L], [5L]).IsAccepted);
    }

    [Fact]
    public void Add_Strings_AreComparedOneByOne()
    {
        OutputDifference difference = new("y", DataType.Bytes, tolerance: 1);
        difference.Add(Tensor(DataType.Bytes, 2, [.. SampleRepositoryTests.Raw("a"), .. SampleRepositoryTests.Raw("bb")]), Tensor(DataType.Bytes, 2, [.. SampleRepositoryTests.Raw("a"), .. SampleRepositoryTests.Raw("bc")]));

        Assert.Equal((2, 1), (difference.Elements, difference.Differing));
        Assert.False(difference.IsAccepted);
    }

    [Fact]
    public void Add_AnotherShape_IsNotAccepted()
    {
        OutputDifference difference = new("y", DataType.UInt8, tolerance: null);
        difference.Add(Tensor(DataType.UInt8, 2, [1, 2]), Tensor(DataType.UInt8, 1, [1]));

        Assert.Equal("UINT8 [1] instead of UINT8 [2]", difference.ToString());
        Assert.False(difference.IsAccepted);
    }

    private static OutputDifference Of<T>(DataType type, T[] expected, T[] actual, double? tolerance = null)
        where T : unmanaged
    {
        OutputDifference difference = new("y", type, tolerance);
        difference.Add(Tensor(type, expected.Length, MemoryMarshal.AsBytes<T>(expected).ToArray()), Tensor(type, actual.Length, MemoryMarshal.AsBytes<T>(actual).ToArray()));
        return difference;
    }

    private static TrialTensor Tensor(DataType type, int elements, byte[] raw) => new("y", type, [elements], raw);
}
