using Gateway.Core.Execution;
using Gateway.Core.Models.Configuration;
using Gateway.Core.Scheduling;
using Gateway.OnnxRuntime.Backend;
using Gateway.OnnxRuntime.Backend.Devices;
using Gateway.OnnxRuntime.Environments;
using Gateway.OnnxRuntime.Sessions;
using Gateway.Protocol;
using Gateway.Protocol.Tensors;
using Gateway.TestSupport;

namespace Gateway.UnitTests.OnnxRuntime.Backend;

/// <summary>A session on the CPU in the place of one on a device, which nothing but the executor's own doings tells apart.</summary>
[Collection(OrtTests.Name)]
public sealed class FreeShapeExecutorTests(OrtFixture fixture)
{
    private static readonly ExecutionPlacement Placement = new("fake", "fake", [], []);
    private static readonly ProviderChoice WebGpu = new(ExecutionAccelerator.WebGpu, [(OrtProviders.WebGpu, new Dictionary<string, string>())], 0);

    private readonly List<LoadedSession> _loaded = [];

    [Fact]
    public async Task LostDevice_IsLoadedAnew()
    {
        await using TestModel model = Serve(TimeProvider.System);
        Assert.Equal(StatusCode.Ok, (await model.Send(model.RequestOf([1, 0], rows: 1, dims: 2)).AnswerAsync()).Status);

        _loaded[0].Loss.Note();

        Assert.Equal([5, 0], (await model.Send(model.RequestOf([5, 0], rows: 1, dims: 2)).AnswerAsync()).Values);
        Assert.Equal(2, _loaded.Count);
        Assert.Throws<ObjectDisposedException>(_loaded[0].Session.CreateBinding);
    }

    [Fact]
    public async Task DeviceThatIsLostDuringARun_IsLoadedAnewAndTheRequestServed()
    {
        Complaining time = new("WebGPU device lost (1): the driver was reset");
        await using TestModel model = Serve(time);

        time.IsOn = true;

        Assert.Equal([5, 0], (await model.Send(model.RequestOf([5, 0], rows: 1, dims: 2)).AnswerAsync()).Values);
        Assert.Equal((2, 1), (_loaded.Count, model.Counts.LostDevices));
        Assert.True(_loaded[0].Loss.IsKnown);
    }

    /// <summary>ONNX Runtime says that the run succeeded; what lies in its outputs is not the model's answer.</summary>
    [Fact]
    public async Task DeviceError_InTheLogAlone_FailsTheRun()
    {
        Complaining time = new("WebGPU device error(2): the shader could not be compiled");
        await using TestModel model = Serve(time);

        time.IsOn = true;
        Answer failed = await model.Send(model.RequestOf([5, 0], rows: 1, dims: 2)).AnswerAsync();

        Assert.Equal(StatusCode.Internal, failed.Status);
        Assert.Contains("the shader could not be compiled", failed.Error, StringComparison.Ordinal);
        Assert.Equal([6, 0], (await model.Send(model.RequestOf([6, 0], rows: 1, dims: 2)).AnswerAsync()).Values);
    }

    private TestModel Serve(TimeProvider time) => new(new TestModelSetup
    {
        Policy = new BatchingPolicy { MaxBatchRows = 8, FirstReloadPause = TimeSpan.FromMilliseconds(1) },
        Inputs = [TestModelSetup.Tensor("in", DataType.Int64, 2)],
        Outputs = [TestModelSetup.Tensor("out", DataType.Int64, 2)],
        CreateExecutor = (layout, pool, _) => new FreeShapeExecutor(layout, WebGpu, Load, Placement, pool, time),
    });

    private LoadedSession Load()
    {
        LoadedSession loaded = new(fixture.Load("echo_int64"), null, null);
        _loaded.Add(loaded);
        return loaded;
    }

    /// <summary>Has the device's error in the log once, at a moment at which a run is timed.</summary>
    private sealed class Complaining(string error) : TimeProvider
    {
        public bool IsOn { get; set; }

        public override long GetTimestamp()
        {
            if (IsOn)
            {
                IsOn = false;
                OrtDeviceErrors.Look(error);
            }

            return System.GetTimestamp();
        }
    }
}
