using Gateway.OnnxRuntime.Errors;
using Gateway.OnnxRuntime.Memory;
using Gateway.OnnxRuntime.Sessions;
using Gateway.OnnxRuntime.Values;
using Gateway.Protocol.Tensors;

namespace Gateway.UnitTests.OnnxRuntime;

[Collection(OrtTests.Name)]
public sealed class OrtRunOptionsTests(OrtFixture fixture)
{
    [Fact]
    public void Terminate_DuringALongRun_CutsItShort()
    {
        using OrtSession session = fixture.Load("loop");
        using OrtIoBinding binding = Bind(session, times: long.MaxValue, out OrtValue total);
        using OrtValue result = total;
        using var options = new OrtRunOptions();
        Exception? failure = null;
        var thread = new Thread(() => failure = Record.Exception(() => session.Run(binding, options)));
        thread.Start();

        // A run of that many rounds would take thousands of years: that it is still going says nothing of how fast the machine is.
        Assert.False(thread.Join(TimeSpan.FromMilliseconds(50)));
        options.Terminate();
        Assert.True(thread.Join(TimeSpan.FromSeconds(60)));

        var error = Assert.IsType<OrtException>(failure);
        Assert.Equal(OrtErrorCode.Fail, error.Code);
        Assert.Contains("terminate", error.Message, StringComparison.OrdinalIgnoreCase);
        Assert.True(options.IsTerminated);
    }

    [Fact]
    public void Reset_AfterTerminate_LetsTheNextRunThrough()
    {
        using OrtSession session = fixture.Load("loop");
        using OrtIoBinding binding = Bind(session, times: 5, out OrtValue total);
        using OrtValue result = total;
        using var options = new OrtRunOptions();
        options.Terminate();
        Assert.Throws<OrtException>(() => session.Run(binding, options));

        options.Reset();
        session.Run(binding, options);

        Assert.False(options.IsTerminated);
        Assert.Equal(5f, result.Floats()[0]);
    }

    [Fact]
    public void Terminate_AfterDisposal_IsRefused()
    {
        var options = new OrtRunOptions();
        options.Dispose();

        Assert.Throws<ObjectDisposedException>(options.Terminate);
    }

    private static OrtIoBinding Bind(OrtSession session, long times, out OrtValue total)
    {
        using OrtValue count = OrtValue.Allocate(OrtAllocator.Default, [], DataType.Int64);
        using OrtValue start = OrtValue.Allocate(OrtAllocator.Default, [1], DataType.Fp32);
        count.Longs()[0] = times;
        start.Floats()[0] = 0;
        total = OrtValue.Allocate(OrtAllocator.Default, [1], DataType.Fp32);
        OrtIoBinding binding = session.CreateBinding();
        binding.BindInput("times", count);
        binding.BindInput("start", start);
        binding.BindOutput("total", total);
        return binding;
    }
}
