using Gateway.OnnxRuntime.Memory;
using Gateway.OnnxRuntime.Sessions;
using Gateway.OnnxRuntime.Values;
using Gateway.Protocol.Tensors;

namespace Gateway.UnitTests.OnnxRuntime;

[Collection(OrtTests.Name)]
public sealed class OrtSessionOptionsTests(OrtFixture fixture)
{
    private const int WeightBytes = MatMul.Columns * MatMul.Results * sizeof(float);

    [Fact]
    public void EverySetting_Set_StillRuns()
    {
        using OrtSession session = fixture.Load("matmul", options => options
            .GraphOptimization(OrtGraphOptimization.Extended)
            .InterOpThreads(1)
            .ParallelExecution(true)
            .Spinning(false)
            .CpuArena(false)
            .MemoryPattern(false)
            .ConfigEntry("session.set_denormal_as_zero", "1"));

        Assert.Equal(MatMul.Expected(3), MatMul.Run(session, 3));
    }

    [Fact]
    public void Profile_AfterARun_IsWritten()
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("gateway-ort-");
        try
        {
            using OrtSession session = fixture.Load("matmul", options => options.Profile(Path.Combine(folder.FullName, "profile")));
            MatMul.Run(session, 1);

            string path = session.EndProfiling();

            Assert.StartsWith(Path.Combine(folder.FullName, "profile"), path, StringComparison.Ordinal);
            Assert.Contains("multiply", File.ReadAllText(path), StringComparison.Ordinal);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Fact]
    public void WriteOptimizedModel_WhenLoaded_WritesAModelThatRuns()
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("gateway-ort-");
        try
        {
            string path = Path.Combine(folder.FullName, "optimized.onnx");
            fixture.Load("matmul", options => options.WriteOptimizedModel(path)).Dispose();

            using var plain = new OrtSessionOptions();
            using OrtSession session = OrtSession.Load(fixture.Environment, path, plain);
            Assert.Equal(MatMul.Expected(2), MatMul.Run(session, 2));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Fact]
    public void PrepackedWeights_SharedByTwoSessions_BothComputeAndOutliveIt()
    {
        using OrtBuffer memory = OrtAllocator.Default.Allocate(WeightBytes);
        OrtValue weight = Weight(memory);

        // Other weights than the file's: that they are used shows that the initializer is the one given.
        weight.Floats().Fill(2);
        var weights = new OrtPrepackedWeights();
        using OrtSession one = fixture.Load("matmul", options => options.AddInitializer("w", weight), weights);
        using OrtSession other = fixture.Load("matmul", options => options.AddInitializer("w", weight), weights);
        using OrtSession alone = fixture.Load("matmul", weights: weights);
        weights.Dispose();
        weight.Dispose();

        Assert.Equal(32f, MatMul.Run(one, 1)[0]);
        Assert.Equal(MatMul.Run(one, 3), MatMul.Run(other, 3));
        Assert.Equal(MatMul.Expected(1), MatMul.Run(alone, 1));
    }

    [Fact]
    public void AddInitializer_DisposedBeforeTheSessionIsLoaded_IsRefused()
    {
        using var options = new OrtSessionOptions();
        using OrtBuffer memory = OrtAllocator.Default.Allocate(WeightBytes);
        OrtValue weight = Weight(memory);
        options.AddInitializer("w", weight);
        weight.Dispose();

        Assert.Throws<ObjectDisposedException>(() => OrtSession.Load(fixture.Environment, OrtFixture.PathOf("matmul"), options));
    }

    private static OrtValue Weight(OrtBuffer memory) =>
        OrtValue.OverMemory(OrtMemoryInfo.Cpu, memory.Data, memory.ByteLength, [MatMul.Columns, MatMul.Results], DataType.Fp32);
}
