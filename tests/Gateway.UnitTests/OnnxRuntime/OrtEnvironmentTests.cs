using Gateway.OnnxRuntime.Environments;
using Gateway.OnnxRuntime.Memory;
using Gateway.OnnxRuntime.Sessions;
using Gateway.OnnxRuntime.Values;

using Microsoft.Extensions.Logging;

namespace Gateway.UnitTests.OnnxRuntime;

[Collection(OrtTests.Name)]
public sealed class OrtEnvironmentTests(OrtFixture fixture)
{
    [Fact]
    public void Version_OfTheFetchedLibrary_IsTheOneFetched() => Assert.Equal("1.30.0", OrtEnvironment.Version);

    [Fact]
    public void Open_AgainWithTheSamePools_SharesThem()
    {
        using OrtEnvironment second = OrtEnvironment.Open(fixture.Log, OrtFixture.Pools with { });
        using OrtEnvironment third = OrtEnvironment.Open(fixture.Log);

        using var options = new OrtSessionOptions();
        using OrtSession session = OrtSession.Load(third, OrtFixture.PathOf("add"), options.ShareThreadPools());

        Assert.Equal(2, session.Inputs.Count);
    }

    [Fact]
    public void Open_AgainWithOtherPools_IsRefused()
    {
        var error = Assert.Throws<InvalidOperationException>(() => OrtEnvironment.Open(fixture.Log, new OrtThreadPools(IntraOpThreads: 3)));

        Assert.Contains("IntraOpThreads = 2", error.Message, StringComparison.Ordinal);
        Assert.Contains("IntraOpThreads = 3", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Dispose_OfASecondOpening_LeavesItsSessionsRunning()
    {
        OrtEnvironment second = OrtEnvironment.Open(fixture.Log);
        using var options = new OrtSessionOptions();
        using OrtSession session = OrtSession.Load(second, OrtFixture.PathOf("scalar"), options);

        second.Dispose();
        second.Dispose();

        using OrtIoBinding binding = session.CreateBinding();
        using OrtValue x = OrtValue.Allocate(OrtAllocator.Default, [], Protocol.Tensors.DataType.Fp32);
        binding.BindInput("x", x);
        binding.BindOutput("y", OrtMemoryInfo.Cpu);
        session.Run(binding);
        Assert.Throws<ObjectDisposedException>(() => OrtSession.Load(second, OrtFixture.PathOf("scalar"), options));
    }

    [Fact]
    public void Log_WhenASessionIsLoaded_ReachesTheLogger()
    {
        using OrtSession session = fixture.Load("matmul");

        Assert.Contains(fixture.Log.Messages, message => message.Level == LogLevel.Debug && message.Text.StartsWith("ONNX Runtime: ", StringComparison.Ordinal));
    }

    [Fact]
    public void Run_OnSharedThreadPools_Works()
    {
        using OrtSession session = fixture.Load("matmul", options => options.ShareThreadPools());

        Assert.Equal(136f, MatMul.Run(session, batch: 3)[0]);
    }
}
