using Gateway.Core.Requests;
using Gateway.Protocol.Tensors;
using Gateway.TestSupport;

namespace Gateway.UnitTests.Requests;

public sealed class RawStringsTests
{
    private const string Unknown = "[request id: <id_unknown>] ";

    // Two strings are expected.
    [Theory]
    [InlineData(new byte[] { 1, 0, 0, 0, 65, 0, 0, 0, 0 }, null)]
    [InlineData(new byte[] { 1, 0, 0, 0, 65 }, "expected 2 string elements for inference input 's' for model 'm', got 1")]
    [InlineData(new byte[] { }, "expected 2 string elements for inference input 's' for model 'm', got 0")]
    [InlineData(
        new byte[] { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }, "unexpected number of string elements 3 for inference input 's' for model 'm', expecting 2")]
    [InlineData(
        new byte[] { 0, 0, 0, 0, 1, 0, 0 },
        "incomplete string length indicator for inference input 's' for model 'm', expecting 4 bytes but only 3 bytes available")]
    [InlineData(
        new byte[] { 0, 0, 0, 0, 5, 0, 0, 0, 65, 66 },
        "incomplete string data for inference input 's' for model 'm', expecting string of length 5 but only 2 bytes available")]
    [InlineData(
        new byte[] { 255, 255, 255, 255, 65 },
        "incomplete string data for inference input 's' for model 'm', expecting string of length 4294967295 but only 1 bytes available")]
    public Task Check_Strings_CountsAndMeasuresThem(byte[] raw, string? expected) =>
        RequestValidationTests.WithModelAsync(true, [TestModelSetup.Tensor("s", DataType.Bytes, 2)], request =>
        {
            raw.CopyTo(request.Block!.Span);
            request.Inputs[0] = new InputTensor { DataType = DataType.Bytes, Shape = new TensorShape([1, 2]), ByteLength = raw.Length };

            if (expected is null) RequestValidation.Check(request);
            else RequestValidationTests.AssertInvalid(request, Unknown + expected);
        });

    [Fact]
    public void TryRead_EveryTruncation_ReadsWholeElementsOnly()
    {
        byte[] raw = [2, 0, 0, 0, 65, 66, 0, 0, 0, 0, 1, 0, 0, 0, 67];
        int[] ends = [6, 10, 15];
        for (int length = 0; length <= raw.Length; length++)
        {
            ReadOnlySpan<byte> rest = raw.AsSpan(0, length);
            int read = 0;
            while (RawStrings.TryRead(ref rest, out _)) read++;

            Assert.Equal(ends.Count(end => end <= length), read);
            Assert.Equal(read == 0 ? 0 : ends[read - 1], RawStrings.Skip(raw.AsSpan(0, length), 3));
        }
    }
}
