using Gateway.Load.Payloads;
using Gateway.Protocol.Tensors;

namespace Gateway.UnitTests.Load.Payloads;

/// <summary>The same seed is the same load, in another process and in another month: the values here are pinned. Those of <see cref="Seed.Of"/> were made by another implementation of SplitMix64.</summary>
public class SeedTests
{
    [Fact]
    public void Of_SeedsAndParts_AreWhatTheyAlwaysWere()
    {
        Assert.Equal([1896895516, 1216681718, 790680964, 1489305978, 908839664, 212563560], [Seed.Of(0), Seed.Of(1), Seed.Of(1, 0), Seed.Of(1, 0, 0), Seed.Of(1, 0, 1), Seed.Of(2, 0, 0)]);
    }

    [Fact]
    public void Create_Seed_GivesTheBytesItAlwaysGave()
    {
        ModelDescription model = new("m", [new TensorDescription("x", DataType.Fp32, [-1, 4])], []);

        RequestPayload[] payloads = RandomPayloads.Create(model, new PayloadRecipe { Distinct = 2 }, seed: 7);

        Assert.Equal("53C1703F6DFB493F81982E3E5C1D633E", Convert.ToHexString(payloads[0].Inputs[0].Data));
        Assert.Equal("501B913E6972183F1F18F03E132CE13E", Convert.ToHexString(payloads[1].Inputs[0].Data));
    }

    [Fact]
    public void Next_Seed_GivesThePayloadsItAlwaysGave()
    {
        PayloadPicker picker = new(1000, zipfExponent: 0.9, Seed.Of(3, 1, 0));

        Assert.Equal([109, 0, 39, 64, 1], Enumerable.Range(0, 5).Select(_ => picker.Next()));
    }
}
