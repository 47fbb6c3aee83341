using System.Text;
using Gateway.Core.Execution;
using Gateway.Core.Memory;
using Gateway.Server.Remote;
using Gateway.Server.Remote.Http;

namespace Gateway.UnitTests.Remote;

/// <summary>What upstreams answer: the right answer is read where it lies, and nothing else passes.</summary>
public sealed class JsonAnswerReaderTests : AnswerReaderTesting
{
    private const int Seed = 20261126;
    private const string Y = """{"name":"y","datatype":"INT32","shape":[2,2],"parameters":{"binary_data_size":16}}""";
    private const string S = """{"name":"s","datatype":"BYTES","shape":[2,1],"parameters":{"binary_data_size":11}}""";

    [Theory]
    [InlineData($$"""{"model_name":"m","model_version":"7","outputs":[{{Y}},{{S}}]}""", false)]
    [InlineData($$"""{"outputs":[{{S}},{{Y}}],"model_version":"7","parameters":{"a":[{}]},"id":null}""", true)]
    public void Read_AsAskedFor_RowsLieWhereTheyCame(string head, bool stringsFirst)
    {
        JsonAnswerReader reader = new(Layout);

        BlockBatchOutput output = reader.Read(Body(head, stringsFirst ? [.. Strings, .. Numbers] : [.. Numbers, .. Strings]), rows: 2);

        Assert.Equal("7", reader.Version);
        Assert.Equal(Numbers[8..], output.Rows(0, 1, 1).Bytes.ToArray());
        Assert.Equal("[1,2]", output.Rows(0, 1, 1).Shape.ToString());
        Assert.Equal(Strings[..5], output.Rows(1, 0, 1).Bytes.ToArray());
        Assert.Equal(Strings[5..], output.Rows(1, 1, 1).Bytes.ToArray());
        output.Release();
    }

    [Theory]
    [InlineData("", "what is not JSON")]
    [InlineData("<html>It works!</html>", "what is not JSON")]
    [InlineData("[]", "JSON that is no answer")]
    [InlineData("{}", "no output 'y'")]
    [InlineData("""{"outputs":{}}""", "JSON that is no answer")]
    [InlineData("""{"outputs":[1]}""", "an output that is no object")]
    [InlineData($$"""{"outputs":[{{Y}}]}""", "no output 's'")]
    [InlineData($$"""{"outputs":[{{Y}},{{Y}}]}""", "output 'y' twice")]
    [InlineData($$"""{"outputs":[{{Y}},{{S}}],"outputs":[]}""", "two lists of outputs")]
    [InlineData($$"""{"outputs":[{{Y}},{{S}}]}{}""", "what is not JSON")]
    [InlineData($$"""{"outputs":[{{Y}}""", "what is not JSON")]
    [InlineData("""{"outputs":[{"name":"z","datatype":"INT32","shape":[2,2],"parameters":{"binary_data_size":16}}]}""", "an output that was not asked for")]
    [InlineData("""{"outputs":[{"name":"y","datatype":"FP32","shape":[2,2],"parameters":{"binary_data_size":16}}]}""", "output 'y' of type FP32 instead of INT32")]
    [InlineData("""{"outputs":[{"name":"y","datatype":"INT32","shape":[3,2],"parameters":{"binary_data_size":24}}]}""", "output 'y' in shape [3,2] for a batch of 2, where [2,2] was expected")]
    [InlineData("""{"outputs":[{"name":"y","datatype":"INT32","shape":[2,3],"parameters":{"binary_data_size":24}}]}""", "output 'y' in shape [2,3]")]
    [InlineData("""{"outputs":[{"name":"y","datatype":"INT32","shape":[4],"parameters":{"binary_data_size":16}}]}""", "output 'y' in shape [4]")]
    [InlineData("""{"outputs":[{"name":"y","datatype":"INT32","parameters":{"binary_data_size":16}}]}""", "output 'y' in shape []")]
    [InlineData("""{"outputs":[{"name":"y","datatype":"INT32","shape":[2,2],"data":[1,2,3,4]}]}""", "output 'y' not in binary form")]
    [InlineData("""{"outputs":[{"name":"y","datatype":"INT32","shape":[2,2],"parameters":{"binary_data_size":17}}]}""", "output 'y' of 17 bytes in shape [2,2]")]
    [InlineData("""{"outputs":[{"name":"y","datatype":"INT32","shape":[2,2],"parameters":{"binary_data_size":1000}}]}""", "output 'y' of 1000 bytes, of which 27 are there")]
    [InlineData("""{"outputs":[{"name":"y","datatype":"INT32","shape":[2,2],"parameters":{"binary_data_size":-1}}]}""", "a size that is none")]
    [InlineData("""{"outputs":[{"name":"y","datatype":"INT32","shape":[2,1.5]}]}""", "a shape that is none")]
    [InlineData("""{"outputs":[{"name":"y","datatype":"INT32","shape":[1,1,1,1,1,1,1,1,1]}]}""", "a shape that is none")]
    [InlineData($$"""{"outputs":[{{Y}},{"name":"s","datatype":"BYTES","shape":[2,1],"parameters":{"binary_data_size":5} }]}""", "output 's' of fewer strings than the 2 of its shape")]
    public void Read_AnythingElse_IsGarbage(string head, string expected)
    {
        UpstreamException error = Assert.Throws<UpstreamException>(() => new JsonAnswerReader(Layout).Read(Body(head, [.. Numbers, .. Strings]), rows: 2));

        Assert.Equal(UpstreamFailure.Garbage, error.Failure);
        Assert.Equal("the server that runs the model answered with " + expected, error.Message[..Math.Min(error.Message.Length, 45 + expected.Length)]);
    }

    [Fact]
    public void Read_StringsAndBytesTooMany_IsGarbage()
    {
        UpstreamException strings = Assert.Throws<UpstreamException>(() => new JsonAnswerReader(Layout).Read(
            Body($$"""{"outputs":[{{Y}},{"name":"s","datatype":"BYTES","shape":[2,1],"parameters":{"binary_data_size":15} }]}""", [.. Numbers, .. Strings, 0, 0, 0, 0]), rows: 2));
        UpstreamException bytes = Assert.Throws<UpstreamException>(() => new JsonAnswerReader(Layout).Read(Body($$"""{"outputs":[{{Y}},{{S}}]}""", [.. Numbers, .. Strings, 0]), rows: 2));

        Assert.EndsWith("output 's' of more strings than the 2 of its shape", strings.Message, StringComparison.Ordinal);
        Assert.EndsWith("1 bytes more than its outputs have", bytes.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_DamagedAnswers_AreReadOrRefused()
    {
        byte[] head = Encoding.UTF8.GetBytes($$"""{"model_name":"m","model_version":"7","outputs":[{{Y}},{{S}}]}""");
        Random random = new(Seed);
        JsonAnswerReader reader = new(Layout);
        int good = 0;
        for (int round = 0; round < 20_000; round++)
        {
            byte[] damaged = [.. head, .. Numbers, .. Strings];
            for (int i = random.Next(4); i > 0; i--) damaged[random.Next(damaged.Length)] = (byte)random.Next(256);
            if (random.Next(8) == 0) damaged = damaged[..random.Next(1, damaged.Length)];
            int headLength = random.Next(8) == 0 ? random.Next(1, damaged.Length + 1) : Math.Min(head.Length, damaged.Length);
            try
            {
                BlockBatchOutput output = reader.Read(Body(damaged, headLength), rows: 2);
                Assert.Equal(16, output.Rows(0, 0, 2).Bytes.Length);
                Assert.Equal(11, output.Rows(1, 0, 2).Bytes.Length);
                output.Release();
                good++;
            }
            catch (UpstreamException error)
            {
                Assert.Equal(UpstreamFailure.Garbage, error.Failure);
            }
        }

        // Those that were not damaged, and whose numbers were.
        Assert.InRange(good, 1000, 19_000);
    }

    private AnswerBody Body(string head, byte[] tensors) => Body([.. Encoding.UTF8.GetBytes(head), .. tensors], Encoding.UTF8.GetByteCount(head));

    private AnswerBody Body(byte[] bytes, int headLength)
    {
        Assert.True(Pool.TryRent(bytes.Length, BlockOwner.OutputSlab, out MemoryBlock? block));
        bytes.CopyTo(block.Span);
        return new AnswerBody(block, bytes.Length, headLength);
    }
}
