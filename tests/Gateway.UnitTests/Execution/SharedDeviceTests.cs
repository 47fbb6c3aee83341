using Gateway.Core.Execution;
using Gateway.Core.Execution.Devices;
using Gateway.Core.Scheduling;
using Gateway.TestSupport;

namespace Gateway.UnitTests.Execution;

/// <summary>Two instances whose pipelines are on one session, and lose it together.</summary>
public sealed class SharedDeviceTests
{
    private static readonly ExecutionPlacement Placement = new("fake", "fake", [], []);
    private static readonly BatchingPolicy Policy = new() { MaxBatchRows = 1, FirstReloadPause = TimeSpan.FromMilliseconds(1) };

    private readonly Lock _lock = new();
    private FakeDevice _device = null!;
    private DeviceLoss _session = new();
    private int _refusals;
    private volatile bool _isLost;

    /// <summary>The request that the first puts back finds the second idle, and is not to be held to have cost a device twice.</summary>
    [Fact]
    public async Task LostDevice_IdleSibling_NobodyNotices()
    {
        await using TestModel model = Serve(instances: 2);
        for (int i = 0; i < 20; i++)
        {
            await model.WhenIdleAsync();
            _refusals = 3;
            _isLost = true;
            Assert.Equal(PuppetRun.Answer(i), (await model.Send(i).AnswerAsync()).Values[0]);
        }

        Assert.Equal(20, model.Counts.LostDevices);
    }

    [Fact]
    public async Task LostDevice_BothBusy_NobodyNotices()
    {
        await using TestModel model = Serve(instances: 2);
        for (int round = 0; round < 20; round++)
        {
            Sent[] sent = [.. Enumerable.Range(0, 8).Select(i => model.Send(i))];
            _isLost = true;
            for (int i = 0; i < sent.Length; i++) Assert.Equal(PuppetRun.Answer(i), (await sent[i].AnswerAsync()).Values[0]);
        }
    }

    private TestModel Serve(int instances)
    {
        GatedOrders orders = new(new StageGate());
        return new TestModel(new TestModelSetup
        {
            Instances = instances,
            Policy = Policy,
            CreateExecutor = (layout, pool, time) =>
            {
                _device ??= new FakeDevice(layout, pool, isQueued: false)
                {
                    OnStage = (_, _) =>
                    {
                        if (_isLost) throw FakeDevice.Lost();
                    },
                };
                DeviceLoss? used = null;
                return new DeviceInstance(1, () => new DevicePipeline(layout, orders, 1, _device.CreateSlot, time, loss: used = Session(used))).CreateLanes(Placement)[0];
            },
        });
    }

    /// <summary>The session after the one that was lost, which the first to come loads.</summary>
    private DeviceLoss Session(DeviceLoss? used)
    {
        lock (_lock)
        {
            if (!ReferenceEquals(used, _session)) return _session;
            if (_refusals-- > 0) throw new ModelLoadException("not back yet");
            _isLost = false;
            return _session = new DeviceLoss();
        }
    }
}
