using Gateway.Core.Execution;
using Gateway.Core.Execution.Devices;
using Gateway.Core.Models;
using Gateway.Core.Models.Configuration;
using Gateway.Core.Requests;
using Gateway.Core.Scheduling;
using Gateway.Core.Scheduling.Resources;
using Gateway.Protocol;
using Gateway.TestSupport;
using Gateway.UnitTests.Scheduling;

namespace Gateway.UnitTests.Execution;

/// <summary>Batches on a device that does what the test says.</summary>
public sealed class DevicePipelineTests
{
    private static readonly ExecutionPlacement Placement = new("fake", "fake", [], []);
    private static readonly BatchingPolicy Policy = new() { MaxBatchRows = 8, FirstReloadPause = TimeSpan.FromMilliseconds(1) };

    private FakeDevice _device = null!;
    private IModelExecutor[] _lanes = [];
    private int _loads;

    [Fact]
    public async Task Queued_ThreeBatches_AreInThreeStagesAtOnce()
    {
        await using TestModel model = Serve(new ThreadedOrders(), Policy with { MaxBatchRows = 1 });
        using Barrier together = new(3);
        _device.OnStage = (_, _) =>
        {
            // The first three batches meet: one in each stage, which needs all three lanes, and that none of them is waited for under the gate.
            if (_device.MostAtOnce < 3) together.SignalAndWait(TimeSpan.FromMilliseconds(50));
        };

        Sent[] sent = [.. Enumerable.Range(0, 30).Select(i => model.Send(i))];

        for (int i = 0; i < sent.Length; i++) Assert.Equal(PuppetRun.Answer(i), (await sent[i].AnswerAsync()).Values[0]);
        Assert.Equal(3, _device.MostAtOnce);
    }

    [Fact]
    public async Task Immediate_ManyBatches_OneStageAtATime()
    {
        await using TestModel model = Serve(new GatedOrders(new StageGate()), Policy);

        Sent[] sent = [.. Enumerable.Range(0, 200).Select(i => model.Send(i))];

        for (int i = 0; i < sent.Length; i++) Assert.Equal(PuppetRun.Answer(i), (await sent[i].AnswerAsync()).Values[0]);
        Assert.Equal(1, _device.MostAtOnce);
    }

    [Theory]
    [InlineData("upload")]
    [InlineData("run")]
    [InlineData("download")]
    public async Task Failure_InAnyStage_FailsItsRequestAndNoOther(string stage)
    {
        await using TestModel model = Serve(new ThreadedOrders(), Policy);
        bool fails = true;
        _device.OnStage = (name, _) =>
        {
            if (name == stage && Interlocked.Exchange(ref fails, false)) throw new ExecutionException("scripted");
        };

        Answer failed = await model.Send(1).AnswerAsync();
        for (int i = 0; i < 20; i++) Assert.Equal(PuppetRun.Answer(i), (await model.Send(i).AnswerAsync()).Values[0]);

        Assert.Equal((StatusCode.Internal, 1), (failed.Status, model.Counts.FailedExecutions));
    }

    [Fact]
    public async Task OutOfMemory_LargeBatch_IsHalvedAndLaterOnesStaySmall()
    {
        await using TestModel model = Serve(new GatedOrders(new StageGate()), Policy with { BisectsFailedBatches = false });
        _device.OnStage = (name, rows) =>
        {
            if (name == "run" && rows > 2) throw FakeDevice.OutOfMemory();
        };

        for (int round = 0; round < 5; round++)
        {
            Sent[] sent = [.. Enumerable.Range(0, 40).Select(i => model.Send(i))];
            for (int i = 0; i < sent.Length; i++) Assert.Equal(PuppetRun.Answer(i), (await sent[i].AnswerAsync()).Values[0]);
        }

        Assert.InRange(model.Batcher.Latency.BestBatchRows, 1, 2);
        Assert.InRange(model.Counts.OutOfMemory, 1, 12);
        Assert.Equal(200, model.Counts[RequestOutcome.Succeeded]);
    }

    [Theory]
    [InlineData(new int[0], 2)]
    [InlineData(new[] { 4 }, 2)]
    public async Task OutOfMemory_RequestOfManyRows_IsRunInPartsAndSoAreLaterOnes(int[] preferred, int failures)
    {
        await using TestModel model = Serve(new GatedOrders(new StageGate()), Policy with { PreferredBatchSizes = preferred });
        _device.OnStage = RunsOutOfMemoryAbove(2);

        for (int i = 0; i < 3; i++) Assert.Equal(Enumerable.Range(0, 8).Select(each => PuppetRun.Answer(each)), (await model.Send(0, 1, 2, 3, 4, 5, 6, 7).AnswerAsync()).Values);

        Assert.Equal((failures, 2), (model.Counts.OutOfMemory, model.Batcher.Latency.MostRows));
    }

    /// <summary>Of the sizes that are run, half of the one that failed may not be one: what is padded up to the same size fails again.</summary>
    [Fact]
    public async Task OutOfMemory_FewAllowedSizes_TheNextSmallerIsRun()
    {
        await using TestModel model = Serve(new GatedOrders(new StageGate()), Policy with { AllowedBatchSizes = [1, 2, 8] });
        _device.OnStage = RunsOutOfMemoryAbove(2);

        for (int i = 0; i < 3; i++) Assert.Equal(Enumerable.Range(0, 8).Select(each => PuppetRun.Answer(each)), (await model.Send(0, 1, 2, 3, 4, 5, 6, 7).AnswerAsync()).Values);

        Assert.Equal((1, 2), (model.Counts.OutOfMemory, model.Batcher.Latency.MostRows));
    }

    /// <summary>Batches in order of arrival, as Triton's settings ask for.</summary>
    [Fact]
    public async Task OutOfMemory_PreferredSizes_LaterBatchesStaySmall()
    {
        await using TestModel model = Serve(new GatedOrders(new StageGate()), Policy with { PreferredBatchSizes = [4, 8] });
        _device.OnStage = RunsOutOfMemoryAbove(2);

        for (int round = 0; round < 5; round++)
        {
            Sent[] sent = [.. Enumerable.Range(0, 40).Select(i => model.Send(i))];
            for (int i = 0; i < sent.Length; i++) Assert.Equal(PuppetRun.Answer(i), (await sent[i].AnswerAsync()).Values[0]);
        }

        Assert.InRange(model.Counts.OutOfMemory, 1, 3);
    }

    [Fact]
    public async Task OutOfMemory_RowsThatCannotBePutTogetherAgain_SaysSo()
    {
        await using TestModel model = Serve(new GatedOrders(new StageGate()), Policy with { SplitsRows = false });
        _device.OnStage = RunsOutOfMemoryAbove(2);

        Answer answer = await model.Send(0, 1, 2, 3).AnswerAsync();

        Assert.Equal(StatusCode.Internal, answer.Status);
        Assert.Contains("out of memory; its rows cannot be run in several batches", answer.Error, StringComparison.Ordinal);
        Assert.Equal([PuppetRun.Answer(4), PuppetRun.Answer(5)], (await model.Send(4, 5).AnswerAsync()).Values);
    }

    [Fact]
    public async Task OutOfMemory_OfOneRow_FailsItsRequest()
    {
        await using TestModel model = Serve(new GatedOrders(new StageGate()), Policy);
        _device.OnStage = (_, _) => throw FakeDevice.OutOfMemory();

        Answer answer = await model.Send(1).AnswerAsync();

        Assert.Equal(StatusCode.Internal, answer.Status);
        Assert.Contains("out of memory", answer.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Prepare_EverySlotRunsEverySizeOnce_AndSoOnADeviceThatCameBack()
    {
        int[] sizes = [1, 2, 4, 8];
        await using TestModel model = Serve(new ThreadedOrders(), Policy);

        Assert.Equal(sizes, DeviceProfiler.Prepare(sizes, _lanes, new LatencyModel(8), TimeProvider.System));
        Assert.Equal(sizes, DeviceProfiler.Prepare(sizes, _lanes, new LatencyModel(8), TimeProvider.System));

        int slots = _lanes.Length + 1;
        Assert.All(sizes, size => Assert.Equal(slots, Runs(size)));
        bool isLost = false;
        _device.OnStage = (_, _) =>
        {
            if (!Interlocked.Exchange(ref isLost, true)) throw FakeDevice.Lost();
        };
        await SendUntilAsync(model, () => Volatile.Read(ref _loads) >= 2);
        await SendUntilAsync(model, () => Runs(8) == 2 * slots);

        int Runs(int size) => _device.Log.Count(entry => entry == $"run {size}");
    }

    [Fact]
    public async Task Prepare_SizesThatTheDeviceHasNoMemoryFor_AreLeftOut()
    {
        await using TestModel model = Serve(new ThreadedOrders(), Policy);
        _device.OnStage = (name, rows) =>
        {
            if (name == "run" && rows > 2) throw FakeDevice.OutOfMemory();
        };
        LatencyModel latency = new(8);

        Assert.Equal([1, 2], DeviceProfiler.Prepare([1, 2, 4, 8], _lanes, latency, TimeProvider.System));
        Assert.Equal(2, latency.BestBatchRows);
    }

    /// <summary>Where sizes cost nothing when they are first run, the first run of one is that which measures it.</summary>
    [Fact]
    public async Task Measure_SizesThatTheDeviceHasNoMemoryFor_AreLeftOut()
    {
        await using TestModel model = Serve(new GatedOrders(new StageGate()), Policy);
        _device.OnStage = RunsOutOfMemoryAbove(3);
        LatencyModel latency = new(8);

        (Dictionary<int, long> nanoseconds, bool isWhole) = DeviceProfiler.Measure([1, 2, 4, 8], _lanes[0], latency, TimeProvider.System);

        Assert.Equal([1, 2], nanoseconds.Keys.Order());
        Assert.Equal((false, 2), (isWhole, latency.MostRows));
    }

    [Fact]
    public async Task Prepare_NoMemoryForTheSmallestSize_Fails()
    {
        await using TestModel model = Serve(new ThreadedOrders(), Policy);
        _device.OnStage = RunsOutOfMemoryAbove(2);

        Assert.Throws<ExecutionException>(() => DeviceProfiler.Prepare([4, 8], _lanes, new LatencyModel(8), TimeProvider.System).ToArray());
    }

    [Fact]
    public async Task LostDevice_UnderPartsOfARequest_TheyGoBackToTheQueue()
    {
        bool isLost = false;
        await using TestModel model = Serve(new ThreadedOrders(), Policy with { MaxBatchRows = 2 }, onReload: () => Volatile.Write(ref isLost, false));
        int runs = 0;
        _device.OnStage = (name, _) =>
        {
            // With it everything that is under way.
            if (name == "run" && Interlocked.Increment(ref runs) % 10 == 3) Volatile.Write(ref isLost, true);
            if (Volatile.Read(ref isLost)) throw FakeDevice.Lost();
        };

        for (int i = 0; i < 20; i++) Assert.Equal(Enumerable.Range(0, 9).Select(each => PuppetRun.Answer(each)), (await model.Send(0, 1, 2, 3, 4, 5, 6, 7, 8).AnswerAsync()).Values);

        Assert.InRange(model.Counts.LostDevices, 1, 200);
    }

    [Fact]
    public async Task LostDevice_ComesBack_NobodyNotices()
    {
        await using TestModel model = Serve(new ThreadedOrders(), Policy);
        int runs = 0;
        _device.OnStage = (name, _) =>
        {
            if (name == "run" && Interlocked.Increment(ref runs) == 3) throw FakeDevice.Lost();
        };

        for (int i = 0; i < 30; i++) Assert.Equal(PuppetRun.Answer(i), (await model.Send(i).AnswerAsync()).Values[0]);

        // The other instances may have served them all before the one that lost it had said so; they find out by their next runs, and then it is loaded again.
        await SendUntilAsync(model, () => Volatile.Read(ref _loads) >= 2);
        Assert.Equal(1, model.Counts.LostDevices);
    }

    [Fact]
    public async Task LostDevice_StaysAwayForAWhile_RequestsWaitForIt()
    {
        int attempts = 0;
        await using TestModel model = Serve(new ThreadedOrders(), Policy, onReload: () =>
        {
            if (Interlocked.Increment(ref attempts) < 4) throw new ModelLoadException("not back yet");
        });
        bool isLost = false;
        _device.OnStage = (_, _) =>
        {
            if (!Interlocked.Exchange(ref isLost, true)) throw FakeDevice.Lost();
        };

        Sent[] sent = [.. Enumerable.Range(0, 10).Select(i => model.Send(i))];

        for (int i = 0; i < sent.Length; i++) Assert.Equal(PuppetRun.Answer(i), (await sent[i].AnswerAsync()).Values[0]);

        // Likewise.
        await SendUntilAsync(model, () => Volatile.Read(ref attempts) >= 4);
    }

    [Fact]
    public async Task LostDevice_NotBackForLong_IsNotReadyAndRefusesWhatWouldWaitForEver()
    {
        bool isAway = true;
        await using TestModel model = Serve(new GatedOrders(new StageGate()), Policy, onReload: () =>
        {
            if (Volatile.Read(ref isAway)) throw new ModelLoadException("not back yet");
        });
        _device.OnStage = (_, _) =>
        {
            if (Volatile.Read(ref isAway)) throw FakeDevice.Lost();
        };
        ModelCatalog catalog = new();
        catalog.Set(new ModelStatus("m", 1, ModelState.Ready, "", model.Model, TimeSpan.Zero));
        Assert.True(catalog.IsReady("m", 0) & catalog.AreAllReady);

        Answer waited = await model.Send(1).AnswerAsync();
        Answer came = await model.Send(2).AnswerAsync();

        Assert.Equal((StatusCode.Unavailable, StatusCode.Unavailable), (waited.Status, came.Status));
        Assert.Contains("All instances of the model have lost their device", came.Error, StringComparison.Ordinal);
        Assert.Equal((1, false, false), (model.Batcher.LostInstances, catalog.IsReady("m", 1), catalog.AreAllReady));
        Assert.Equal(ModelState.Unavailable, Assert.Single(catalog.Index).State);
        Sent patient = model.SendWithTimeout(20_000_000, 3);
        Volatile.Write(ref isAway, false);
        Assert.Equal(PuppetRun.Answer(3), (await patient.AnswerAsync()).Values[0]);
        Assert.Equal((0, true, true), (model.Batcher.LostInstances, catalog.IsReady("m", 0), catalog.AreAllReady));
        Assert.Equal(PuppetRun.Answer(4), (await model.Send(4).AnswerAsync()).Values[0]);
    }

    [Fact]
    public async Task LostDevice_ByTheSameRequestAgain_FailsThatRequest()
    {
        await using TestModel model = Serve(new GatedOrders(new StageGate()), Policy);
        _device.OnStage = (name, _) =>
        {
            if (name == "run") throw FakeDevice.Lost();
        };

        Answer answer = await model.Send(1).AnswerAsync();

        Assert.Equal(StatusCode.Unavailable, answer.Status);
        Assert.Equal(2, model.Counts.LostDevices);
    }

    [Fact]
    public async Task LostDevice_NeverBack_StopsAllTheSame()
    {
        await using TestModel model = Serve(new GatedOrders(new StageGate()), Policy, onReload: () => throw new ModelLoadException("gone"));
        _device.OnStage = (_, _) => throw FakeDevice.Lost();
        Sent sent = model.Send(1);

        await model.StopAsync(TimeSpan.FromMilliseconds(50));

        Assert.Equal(StatusCode.Unavailable, (await sent.AnswerAsync()).Status);
    }

    [Fact]
    public async Task Closed_WhateverHappened_AllMemoryIsBack()
    {
        await using (TestModel model = Serve(new ThreadedOrders(), Policy))
        {
            int runs = 0;
            _device.OnStage = (_, _) =>
            {
                int run = Interlocked.Increment(ref runs);
                if (run % 50 == 0) throw FakeDevice.Lost();
                if (run % 13 == 0) throw new ExecutionException("scripted");
            };
            foreach (Sent sent in Enumerable.Range(0, 200).Select(i => model.Send(i)).ToArray()) await sent.AnswerAsync();
        }

        Assert.Equal(0, _device.OpenSlots);
    }

    [Fact]
    public async Task Gate_ManyThreads_AreServedInTurnAndOneAtATime()
    {
        StageGate gate = new();
        int inside = 0;
        int most = 0;
        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(() =>
        {
            for (int i = 0; i < 200; i++)
            {
                using (gate.Hold())
                {
                    most = Math.Max(most, Interlocked.Increment(ref inside));
                    Interlocked.Decrement(ref inside);
                }
            }
        })));
        Assert.Equal(1, most);
    }

    private static Action<string, int> RunsOutOfMemoryAbove(int most) => (name, rows) =>
    {
        if (name == "run" && rows > most) throw FakeDevice.OutOfMemory();
    };

    /// <summary>Whoever holds it and comes again at once, is behind those that came meanwhile: with a lock it would mostly be before them.</summary>
    [Fact]
    public void Gate_SeveralWait_AreServedInTheOrderInWhichTheyCame()
    {
        StageGate gate = new();
        for (int round = 0; round < 50; round++)
        {
            List<int> served = [];
            gate.Enter();
            Thread[] threads = [.. Enumerable.Range(0, 3).Select(i => new Thread(() =>
            {
                using (gate.Hold()) served.Add(i);
            }))];
            foreach (Thread thread in threads)
            {
                thread.Start();
                SpinWait.SpinUntil(() => thread.ThreadState.HasFlag(ThreadState.WaitSleepJoin));
            }

            gate.Exit();
            gate.Enter();
            int[] before = [.. served];
            gate.Exit();
            foreach (Thread thread in threads) thread.Join();
            Assert.Equal([0, 1, 2], before);
        }
    }

    /// <summary>Each lane is an instance that needs the resource for its batch.</summary>
    [Fact]
    public async Task Limited_LanesOfOneInstance_HaveTheResourceInTurn()
    {
        RateLimiter limiter = new(ResourceCounts.Unsaid, TimeProvider.System);
        await using TestModel model = Serve(new ThreadedOrders(), Policy with { MaxBatchRows = 1 }, limiter: limiter);

        Sent[] sent = [.. Enumerable.Range(0, 60).Select(i => model.Send(i))];

        for (int i = 0; i < sent.Length; i++) Assert.Equal(PuppetRun.Answer(i), (await sent[i].AnswerAsync()).Values[0]);
        Assert.Equal(1, _device.MostAtOnce);
        await model.WhenIdleAsync();
        Assert.Equal((1, 0), (Assert.Single(limiter.Resources).Limit, limiter.Resources.Single().InUse));
    }

    [Fact]
    public async Task Limited_LaneThatLosesItsDevice_GivesTheResourceBackUntilItIsThereAgain()
    {
        RateLimiter limiter = new(ResourceCounts.Unsaid, TimeProvider.System);
        int attempts = 0;
        await using TestModel model = Serve(
            new ThreadedOrders(),
            Policy with { MaxBatchRows = 1 },
            onReload: () =>
            {
                // Nobody holds it while nobody can run.
                if (limiter.Resources.Single().InUse > 0) throw new InvalidOperationException("a lost lane kept the resource");
                if (Interlocked.Increment(ref attempts) < 3) throw new ModelLoadException("not back yet");
            },
            limiter: limiter);
        int runs = 0;
        _device.OnStage = (name, _) =>
        {
            if (name == "run" && Interlocked.Increment(ref runs) == 5) throw FakeDevice.Lost();
        };

        Sent[] sent = [.. Enumerable.Range(0, 60).Select(i => model.Send(i))];

        for (int i = 0; i < sent.Length; i++) Assert.Equal(PuppetRun.Answer(i), (await sent[i].AnswerAsync()).Values[0]);
        await SendUntilAsync(model, () => Volatile.Read(ref attempts) >= 3 && model.Batcher.LostInstances == 0);
        await model.WhenIdleAsync();
        Assert.Equal(0, limiter.Resources.Single().InUse);
    }

    private static async Task SendUntilAsync(TestModel model, Func<bool> condition)
    {
        for (int i = 0; !condition(); i++)
        {
            Assert.True(i < 6000, "it is not loaded again");
            Assert.Equal(PuppetRun.Answer(i), (await model.Send(i).AnswerAsync()).Values[0]);
            await Task.Delay(TimeSpan.FromMilliseconds(5), TimeProvider.System, TestContext.Current.CancellationToken);
        }
    }

    private TestModel Serve(DeviceOrders orders, BatchingPolicy policy, Action? onReload = null, RateLimiter? limiter = null)
    {
        int next = 0;
        return new TestModel(new TestModelSetup
        {
            Instances = orders.Lanes,
            Limiter = limiter,
            Needs = limiter is null ? null : new InstanceRateLimiter([new NeededResource("memory", IsGlobal: false, 1)], 1),
            Policy = policy with { FollowsLatencyCurve = true },
            CreateExecutor = (layout, pool, time) =>
            {
                if (_lanes.Length == 0)
                {
                    _device = new FakeDevice(layout, pool, orders.IsQueued);
                    _lanes = new DeviceInstance(orders.Lanes, () =>
                    {
                        if (_loads++ > 0)
                        {
                            _loads--;
                            onReload?.Invoke();
                            _loads++;
                        }

                        return new DevicePipeline(layout, orders, orders.Lanes, _device.CreateSlot, time);
                    }).CreateLanes(Placement);
                }

                return _lanes[next++];
            },
        });
    }
}
