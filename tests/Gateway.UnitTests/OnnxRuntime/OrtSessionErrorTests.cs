using Gateway.OnnxRuntime.Environments;
using Gateway.OnnxRuntime.Errors;
using Gateway.OnnxRuntime.Memory;
using Gateway.OnnxRuntime.Sessions;

namespace Gateway.UnitTests.OnnxRuntime;

[Collection(OrtTests.Name)]
public sealed class OrtSessionErrorTests(OrtFixture fixture)
{
    [Fact]
    public void Load_DamagedFile_HasCodeTextAndPath()
    {
        var error = Assert.Throws<OrtException>(() => fixture.Load("damaged"));

        Assert.Equal(OrtErrorCode.InvalidProtobuf, error.Code);
        Assert.Contains("damaged.onnx", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Load_DamagedBytes_HasCodeAndText()
    {
        using var options = new OrtSessionOptions();

        var error = Assert.Throws<OrtException>(() => OrtSession.Load(fixture.Environment, "no model"u8, options));

        Assert.Equal(OrtErrorCode.InvalidProtobuf, error.Code);
        Assert.NotEmpty(error.Message);
    }

    [Fact]
    public void Load_NoSuchFile_SaysSo()
    {
        var error = Assert.Throws<OrtException>(() => fixture.Load("nowhere"));

        Assert.Equal(OrtErrorCode.NoSuchFile, error.Code);
        Assert.Contains("nowhere.onnx", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Load_PathThatIsNotAscii_FindsTheFile()
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("gateway-ort-");
        try
        {
            string path = Path.Combine(folder.FullName, "modèle-模型.onnx");
            File.Copy(OrtFixture.PathOf("matmul"), path);
            using var options = new OrtSessionOptions();
            using OrtSession session = OrtSession.Load(fixture.Environment, path, options);

            Assert.Equal(MatMul.Expected(1), MatMul.Run(session, 1));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Fact]
    public void AddProvider_UnknownName_ListsThoseThereAre()
    {
        using var options = new OrtSessionOptions();

        var error = Assert.Throws<OrtProviderException>(() => options.AddProvider("quantum"));

        Assert.Equal("There is no execution provider 'quantum'; there are CPU, CUDA, TensorRT, WebGPU.", error.Message);
    }

    [Theory]
    [InlineData("cuda", "CUDA", "libonnxruntime_providers_cuda.so")]
    [InlineData("TensorRT", "TensorRT", "libonnxruntime_providers_tensorrt.so")]
    public void AddProvider_WithoutItsFiles_SaysWhichAndWhereTheyGo(string name, string provider, string file)
    {
        // On a machine that has the provider there is nothing to miss.
        if (!OperatingSystem.IsLinux() || File.Exists(Path.Combine(OrtEnvironment.LibraryFolder, file))) return;
        using var options = new OrtSessionOptions();

        var error = Assert.Throws<OrtProviderException>(() => options.AddProvider(name));

        Assert.Equal(provider, error.Provider);
        Assert.Contains(file, error.Message, StringComparison.Ordinal);
        Assert.Contains(OrtEnvironment.LibraryFolder, error.Message, StringComparison.Ordinal);
        Assert.Contains("Microsoft.ML.OnnxRuntime.Gpu.Linux " + OrtEnvironment.Version, error.Message, StringComparison.Ordinal);
        Assert.Empty(options.Providers);
    }

    [Fact]
    public void AddProvider_UnknownOptionOfIt_NamesTheOption()
    {
        if (!OperatingSystem.IsLinux()) return;
        using var options = new OrtSessionOptions();

        var error = Assert.Throws<OrtProviderException>(
            () => options.AddProvider("CUDA", new Dictionary<string, string> { ["no_such_option"] = "1" }));

        Assert.Contains("CUDA provider cannot be used", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AddProvider_Cpu_IsAlwaysThere()
    {
        using OrtSession session = fixture.Load("matmul", options => options.AddProvider("cpu"));

        Assert.Equal(MatMul.Expected(1), MatMul.Run(session, 1));
    }

    [Fact]
    public void AddProvider_CpuWithOptions_IsRefused()
    {
        using var options = new OrtSessionOptions();

        var error = Assert.Throws<OrtProviderException>(
            () => options.AddProvider("CPU", new Dictionary<string, string> { ["device_id"] = "1" }));

        Assert.Contains("'device_id'", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void GetAllocator_OfADeviceTheSessionLacks_IsRefused()
    {
        using OrtSession session = fixture.Load("matmul");
        using OrtMemoryInfo pinned = OrtMemoryInfo.CudaPinned();

        Assert.Throws<OrtException>(() => session.GetAllocator(pinned));
    }

    [Fact]
    public void IntraOpThreads_Negative_IsRefused()
    {
        using var options = new OrtSessionOptions();

        Assert.Throws<ArgumentOutOfRangeException>(() => options.IntraOpThreads(-1));
    }
}
