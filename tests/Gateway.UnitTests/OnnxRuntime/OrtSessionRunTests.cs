using Gateway.OnnxRuntime.Errors;
using Gateway.OnnxRuntime.Memory;
using Gateway.OnnxRuntime.Sessions;
using Gateway.OnnxRuntime.Values;
using Gateway.Protocol.Tensors;

namespace Gateway.UnitTests.OnnxRuntime;

[Collection(OrtTests.Name)]
public sealed class OrtSessionRunTests(OrtFixture fixture)
{
    public static TheoryData<DataType> NumericTypes =>
        [.. Enum.GetValues<DataType>().Where(type => type is not DataType.Invalid and not DataType.Bytes)];

    [Theory]
    [MemberData(nameof(NumericTypes))]
    public void Run_EchoOfEveryType_ReturnsTheSameBytes(DataType type)
    {
        using OrtSession session = fixture.Load("echo_" + type.ToString().ToLowerInvariant());
        using OrtIoBinding binding = session.CreateBinding();
        using OrtValue input = OrtValue.Allocate(OrtAllocator.Default, [3, 2], type);
        using OrtValue output = OrtValue.Allocate(OrtAllocator.Default, [3, 2], type);
        for (int i = 0; i < input.Bytes().Length; i++) input.Bytes()[i] = (byte)(type == DataType.Bool ? i % 2 : i * 37);
        binding.BindInput("in", input);
        binding.BindOutput("out", output);

        session.Run(binding);

        Assert.Equal(6 * type.Size(), output.Bytes().Length);
        Assert.Equal(input.Bytes().ToArray(), output.Bytes().ToArray());
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(7)]
    [InlineData(64)]
    public void Run_AnyBatchSize_ComputesEveryRow(int batch)
    {
        using OrtSession session = fixture.Load("matmul");

        Assert.Equal(MatMul.Expected(batch), MatMul.Run(session, batch));
    }

    [Fact]
    public void Run_ModelFromMemory_Works()
    {
        using var options = new OrtSessionOptions();
        using OrtSession session = OrtSession.Load(fixture.Environment, File.ReadAllBytes(OrtFixture.PathOf("matmul")), options);

        Assert.Equal(MatMul.Expected(2), MatMul.Run(session, 2));
    }

    [Fact]
    public void Run_BoundAheadOverOneSlab_AllocatesNothing()
    {
        using OrtSession session = fixture.Load("matmul");
        using OrtBuffer slab = OrtAllocator.Default.Allocate(8192);
        using OrtValue x = OrtValue.OverMemory(OrtMemoryInfo.Cpu, slab.Data, 4096, [4, MatMul.Columns], DataType.Fp32);
        using OrtValue y = OrtValue.OverMemory(OrtMemoryInfo.Cpu, slab.Data + 4096, 4096, [4, MatMul.Results], DataType.Fp32);
        using OrtValue x1 = OrtValue.OverMemory(OrtMemoryInfo.Cpu, slab.Data, 4096, [1, MatMul.Columns], DataType.Fp32);
        using OrtValue y1 = OrtValue.OverMemory(OrtMemoryInfo.Cpu, slab.Data + 4096, 4096, [1, MatMul.Results], DataType.Fp32);
        using OrtIoBinding binding = session.CreateBinding();
        using var options = new OrtRunOptions();
        x.Floats().Fill(2);

        long allocated = 0;
        for (int round = 0; round < 3; round++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            for (int i = 0; i < 100; i++)
            {
                binding.BindInput("x", i % 2 == 0 ? x : x1);
                binding.BindOutput("y", i % 2 == 0 ? y : y1);
                session.Run(binding, options);
            }

            // The last round counts: by then everything is compiled.
            allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        }

        Assert.Equal(0, allocated);
        Assert.Equal(272f, y1.Floats()[0]);
    }

    [Fact]
    public void Run_Scalar_HasNoDimensions()
    {
        using OrtSession session = fixture.Load("scalar");
        using OrtIoBinding binding = session.CreateBinding();
        using OrtValue x = OrtValue.Allocate(OrtAllocator.Default, [], DataType.Fp32);
        x.Floats()[0] = 4.5f;
        binding.BindInput("x", x);
        binding.BindOutput("y", OrtMemoryInfo.Cpu);

        session.Run(binding);

        using OrtValue y = Assert.Single(binding.GetOutputs());
        Assert.Equal(0, y.Shape.Length);
        Assert.Equal(1, y.ElementCount);
        Assert.Equal(-4.5f, y.Floats()[0]);
    }

    [Fact]
    public void Run_OutputOfUnknownSize_IsAllocatedAndOutlivesTheSession()
    {
        OrtSession session = fixture.Load("nonzero");
        OrtIoBinding binding = session.CreateBinding();
        using OrtValue x = OrtValue.Allocate(OrtAllocator.Default, [5], DataType.Fp32);
        new float[] { 0, 1, 0, 2, 3 }.CopyTo(x.Floats());
        binding.BindInput("x", x);
        binding.BindOutput("indices", OrtMemoryInfo.Cpu);
        session.Run(binding);
        using OrtValue first = Assert.Single(binding.GetOutputs());
        x.Floats().Clear();
        session.Run(binding);
        using OrtValue second = Assert.Single(binding.GetOutputs());

        binding.Dispose();
        session.Dispose();

        Assert.True(first.IsOnCpu);
        Assert.Equal([1, 3], first.Shape.ToArray());
        Assert.Equal([1, 3, 4], first.Longs().ToArray());
        Assert.Equal([1, 0], second.Shape.ToArray());
        Assert.Equal(0, second.ElementCount);
    }

    [Fact]
    public void Run_OverriddenInitializer_IsUsed()
    {
        using OrtSession session = fixture.Load("overridable");
        using OrtIoBinding binding = session.CreateBinding();
        using OrtValue x = OrtValue.Allocate(OrtAllocator.Default, [2], DataType.Fp32);
        using OrtValue y = OrtValue.Allocate(OrtAllocator.Default, [2], DataType.Fp32);
        using OrtValue factor = OrtValue.Allocate(OrtAllocator.Default, [1], DataType.Fp32);
        x.Floats().Fill(2);
        factor.Floats()[0] = 10;
        binding.BindInput("x", x);
        binding.BindOutput("y", y);
        session.Run(binding);
        float withDefault = y.Floats()[0];

        binding.BindInput("factor", factor);
        session.Run(binding);

        Assert.Equal(6, withDefault);
        Assert.Equal(20, y.Floats()[0]);
    }

    [Fact]
    public void Run_ManyThreadsOnOneSession_EachGetsItsOwnRows()
    {
        using OrtSession session = fixture.Load("matmul");

        Parallel.For(0, 8, new ParallelOptions { MaxDegreeOfParallelism = 8 }, thread =>
        {
            for (int i = 0; i < 50; i++)
            {
                int batch = 1 + ((thread + i) % 9);
                Assert.Equal(MatMul.Expected(batch), MatMul.Run(session, batch));
            }
        });
    }

    [Fact]
    public void Run_OutputOfTheWrongShape_SaysWhich()
    {
        using OrtSession session = fixture.Load("matmul");
        using OrtIoBinding binding = session.CreateBinding();
        using OrtValue x = OrtValue.Allocate(OrtAllocator.Default, [2, MatMul.Columns], DataType.Fp32);
        using OrtValue y = OrtValue.Allocate(OrtAllocator.Default, [3, MatMul.Results], DataType.Fp32);
        binding.BindInput("x", x);
        binding.BindOutput("y", y);

        var error = Assert.ThrowsAny<OrtException>(() => session.Run(binding));

        Assert.NotEqual(OrtErrorCode.Ok, error.Code);
        Assert.Contains("{3,8}", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void BindInput_UnknownName_NamesIt()
    {
        using OrtSession session = fixture.Load("matmul");
        using OrtIoBinding binding = session.CreateBinding();
        using OrtValue x = OrtValue.Allocate(OrtAllocator.Default, [1], DataType.Fp32);
        string longName = new('n', 1000);

        Assert.Contains("nobody", Assert.Throws<OrtException>(() => binding.BindInput("nobody", x)).Message, StringComparison.Ordinal);
        Assert.Contains(longName, Assert.Throws<OrtException>(() => binding.BindInput(longName, x)).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => binding.BindInput("x\0y", x));
    }

    [Fact]
    public void Run_AfterClearingInputs_MissesThem()
    {
        using OrtSession session = fixture.Load("scalar");
        using OrtIoBinding binding = session.CreateBinding();
        using OrtValue x = OrtValue.Allocate(OrtAllocator.Default, [], DataType.Fp32);
        binding.BindInput("x", x);
        binding.BindOutput("y", OrtMemoryInfo.Cpu);
        session.Run(binding);

        binding.ClearOutputs();
        Assert.Empty(binding.GetOutputs());
        binding.ClearInputs();
        binding.BindOutput("y", OrtMemoryInfo.Cpu);

        Assert.ThrowsAny<OrtException>(() => session.Run(binding));
    }

    [Fact]
    public void Run_BindingOfAnotherSession_IsRefused()
    {
        using OrtSession one = fixture.Load("scalar");
        using OrtSession other = fixture.Load("scalar");
        using OrtIoBinding binding = other.CreateBinding();

        Assert.Throws<ArgumentException>(() => one.Run(binding));
    }

    [Fact]
    public void Run_AfterDisposal_IsRefused()
    {
        OrtSession session = fixture.Load("scalar");
        OrtIoBinding binding = session.CreateBinding();
        OrtValue value = OrtValue.Allocate(OrtAllocator.Default, [], DataType.Fp32);

        session.Dispose();
        Assert.Throws<ObjectDisposedException>(() => session.Run(binding));
        Assert.Throws<ObjectDisposedException>(session.CreateBinding);
        value.Dispose();
        Assert.Throws<ObjectDisposedException>(() => binding.BindInput("x", value));
        Assert.Throws<ObjectDisposedException>(() => value.Data);
        binding.Dispose();
        Assert.Throws<ObjectDisposedException>(binding.GetOutputs);
    }
}
