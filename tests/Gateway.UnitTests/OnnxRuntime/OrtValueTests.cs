using System.Buffers.Binary;

using Gateway.OnnxRuntime.Errors;
using Gateway.OnnxRuntime.Memory;
using Gateway.OnnxRuntime.Sessions;
using Gateway.OnnxRuntime.Values;
using Gateway.Protocol.Tensors;

namespace Gateway.UnitTests.OnnxRuntime;

[Collection(OrtTests.Name)]
public sealed class OrtValueTests(OrtFixture fixture)
{
    [Fact]
    public void OverMemory_OfTheCaller_ReadsAndWritesIt()
    {
        using OrtBuffer buffer = OrtAllocator.Default.Allocate(64);
        using OrtValue value = OrtValue.OverMemory(OrtMemoryInfo.Cpu, buffer.Data, 64, [2, 3], DataType.Int64);

        value.Longs()[5] = 7;

        Assert.Equal(buffer.Data, value.Data);
        Assert.Equal((nuint)48, value.ByteLength);
        Assert.Equal(6, value.ElementCount);
        Assert.Equal([2, 3], value.Shape.ToArray());
        Assert.Equal(DataType.Int64, value.ElementType);
        Assert.True(value.IsOnCpu);
        Assert.Equal("INT64[2,3]", value.ToString());
    }

    [Fact]
    public void OverMemory_TooLittleForTheShape_IsRefused()
    {
        using OrtBuffer buffer = OrtAllocator.Default.Allocate(64);

        var error = Assert.Throws<OrtException>(
            () => OrtValue.OverMemory(OrtMemoryInfo.Cpu, buffer.Data, 47, [2, 3], DataType.Int64));

        Assert.Equal(OrtErrorCode.InvalidArgument, error.Code);
    }

    [Fact]
    public void OverMemory_BadShapeOrType_IsRefused()
    {
        using OrtBuffer buffer = OrtAllocator.Default.Allocate(64);
        nint data = buffer.Data;

        Assert.Throws<OrtException>(() => OrtValue.OverMemory(OrtMemoryInfo.Cpu, data, 64, [-1], DataType.UInt8));
        Assert.Throws<OrtException>(() => OrtValue.OverMemory(OrtMemoryInfo.Cpu, data, 64, [long.MaxValue, 3], DataType.Fp64));
        Assert.Throws<ArgumentException>(() => OrtValue.OverMemory(OrtMemoryInfo.Cpu, data, 64, [1], DataType.Invalid));
        Assert.Throws<ArgumentException>(() => OrtValue.OverMemory(OrtMemoryInfo.Cpu, data, 64, [1], DataType.Bytes));
    }

    [Fact]
    public void Allocate_MoreThanThereIs_IsAnException() =>
        Assert.Throws<OrtException>(() => OrtAllocator.Default.Allocate(nuint.MaxValue / 4));

    [Fact]
    public void GetAllocator_OfASession_OutlivesItsDisposalInABinding()
    {
        OrtSession session = fixture.Load("scalar");
        OrtAllocator allocator = session.GetAllocator(OrtMemoryInfo.Cpu);
        OrtValue x = OrtValue.Allocate(allocator, [], DataType.Fp32);
        OrtIoBinding binding = session.CreateBinding();
        binding.BindInput("x", x);
        OrtBuffer buffer = allocator.Allocate(10);

        x.Dispose();
        session.Dispose();

        Assert.Throws<ObjectDisposedException>(() => allocator.Allocate(1));
        Assert.Throws<ObjectDisposedException>(() => OrtValue.Allocate(allocator, [], DataType.Fp32));
        binding.Dispose();
        buffer.Dispose();
    }

    [Fact]
    public void BindInput_TensorOfAnotherSessionsAllocator_IsRefused()
    {
        using OrtSession one = fixture.Load("scalar");
        using OrtSession other = fixture.Load("scalar");
        using OrtValue x = OrtValue.Allocate(other.GetAllocator(OrtMemoryInfo.Cpu), [], DataType.Fp32);
        using OrtIoBinding binding = one.CreateBinding();

        Assert.Same(other.GetAllocator(OrtMemoryInfo.Cpu), other.GetAllocator(OrtMemoryInfo.Cpu));
        Assert.Throws<ArgumentException>(() => binding.BindInput("x", x));
    }

    [Fact]
    public void Data_OfABufferGivenBack_IsRefused()
    {
        OrtBuffer buffer = OrtAllocator.Default.Allocate(1);
        buffer.Dispose();

        Assert.Throws<ObjectDisposedException>(() => buffer.Data);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(50)]
    public void Strings_ThroughAModel_ComeBackAsTheyWere(int rows)
    {
        const int Seed = 20_417;
        var random = new Random(Seed);
        byte[] raw = [.. Enumerable.Range(0, rows * 2).SelectMany(i => Raw(RandomBytes(random, i)))];
        using OrtSession session = fixture.Load("echo_bytes");
        using OrtIoBinding binding = session.CreateBinding();
        using OrtValue input = OrtValue.Allocate(OrtAllocator.Default, [rows, 2], DataType.Bytes);
        input.FillStrings(raw, rows * 2);
        binding.BindInput("in", input);
        binding.BindOutput("out", OrtMemoryInfo.Cpu);

        session.Run(binding);

        using OrtValue output = Assert.Single(binding.GetOutputs());
        Assert.Equal(raw.Length, output.GetStringsByteCount());
        byte[] copy = new byte[raw.Length + 3];
        output.CopyStringsTo(copy);
        Assert.True(raw.AsSpan().SequenceEqual(copy.AsSpan(0, raw.Length)), $"Seed {Seed}: the strings differ.");
        Assert.Equal(0, output.Data);
    }

    [Fact]
    public void FillStrings_WithAZeroByteInOne_KeepsIt()
    {
        using OrtValue value = OrtValue.Allocate(OrtAllocator.Default, [2], DataType.Bytes);
        byte[] raw = [.. Raw("a\0b"u8), .. Raw("é"u8)];
        value.FillStrings(raw, 2);
        byte[] copy = new byte[raw.Length];

        value.CopyStringsTo(copy);

        Assert.Equal(raw, copy);
    }

    [Fact]
    public void FillStrings_FewerThanTheTensorHas_LeavesTheRest()
    {
        using OrtValue value = OrtValue.Allocate(OrtAllocator.Default, [3], DataType.Bytes);
        value.FillStrings((byte[])[.. Raw("x"u8), .. Raw("y"u8), .. Raw("z"u8)], 3);

        value.FillStrings(Raw("longer"u8), 1);

        byte[] copy = new byte[value.GetStringsByteCount()];
        value.CopyStringsTo(copy);
        Assert.Equal([.. Raw("longer"u8), .. Raw("y"u8), .. Raw("z"u8)], copy);
    }

    [Theory]
    [InlineData(new byte[] { 1, 0, 0 }, "String 0 is cut short: 4 bytes are needed and 3 are left.")]
    [InlineData(new byte[] { 2, 0, 0, 0, 65 }, "String 0 is cut short: 2 bytes are needed and 1 are left.")]
    [InlineData(new byte[] { 0, 0, 0, 0, 255, 255, 255, 255 }, "String 1 is cut short: 4294967295 bytes are needed and 0 are left.")]
    [InlineData(new byte[] { 0, 0, 0, 0, 0, 0, 0, 0, 9 }, "1 bytes follow the last of 2 strings.")]
    public void FillStrings_BadBytes_SaysWhichString(byte[] raw, string message)
    {
        using OrtValue value = OrtValue.Allocate(OrtAllocator.Default, [2], DataType.Bytes);

        Assert.StartsWith(message, Assert.Throws<ArgumentException>(() => value.FillStrings(raw, 2)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Strings_OfATensorOfNumbers_AreRefused()
    {
        using OrtValue value = OrtValue.Allocate(OrtAllocator.Default, [1], DataType.Fp32);

        Assert.Throws<InvalidOperationException>(() => value.GetStringsByteCount());
        Assert.Throws<InvalidOperationException>(() => value.FillStrings([], 0));
    }

    [Fact]
    public void CopyStringsTo_TooShort_SaysHowMuchIsNeeded()
    {
        using OrtValue value = OrtValue.Allocate(OrtAllocator.Default, [2], DataType.Bytes);

        var error = Assert.Throws<ArgumentException>(() => value.CopyStringsTo(new byte[7]));

        Assert.Contains("8 bytes", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Strings_OfNoRows_AreNoBytes()
    {
        using OrtValue value = OrtValue.Allocate(OrtAllocator.Default, [0, 2], DataType.Bytes);

        value.FillStrings([], 0);
        value.CopyStringsTo([]);

        Assert.Equal(0, value.GetStringsByteCount());
    }

    private static byte[] RandomBytes(Random random, int i)
    {
        byte[] text = new byte[i % 5 == 0 ? 0 : random.Next(1, 300)];
        random.NextBytes(text);
        return text;
    }

    private static byte[] Raw(ReadOnlySpan<byte> text)
    {
        byte[] raw = new byte[4 + text.Length];
        BinaryPrimitives.WriteInt32LittleEndian(raw, text.Length);
        text.CopyTo(raw.AsSpan(4));
        return raw;
    }
}
