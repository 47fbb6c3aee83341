using Gateway.Core.Memory;
using Gateway.Core.Models;
using Gateway.Core.Scheduling;
using Gateway.Server.Hosting;

namespace Gateway.UnitTests.Hosting;

public sealed class StartupReportTests
{
    [Fact]
    public async Task Write_ReadyAndBrokenModels_IsATableAndALineToPaste()
    {
        using BlockPool pool = new(1 << 20, lockPages: false);
        (ServedModel model, DynamicBatcher batcher) = TestModels.Make("digits", pool, new BatchingPolicy { MaxBatchRows = 64, PreferredBatchSizes = [16, 32] }, _ => { });
        await using (batcher)
        {
            ModelStatus broken = new("a-broken-one", 0, ModelState.Unavailable, "config.pbtxt:3:1: unknown field\n'frob'", null, TimeSpan.Zero);

            string text = StartupReport.Write([broken, TestModels.Ready(model)], "http://0.0.0.0:8000", "0.0.0.0:8003", "http://0.0.0.0:8002", ["/home/me/config/samples/digit-7.json"], "/home/me");

            Assert.Equal(
                """
                MODEL         VERSION  STATUS       DEVICE         BATCH
                a-broken-one  -        UNAVAILABLE  config.pbtxt:3:1: unknown field; 'frob'
                digits        1        READY        CPU, 1 thread  up to 64 (prefers 16, 32)

                http      http://0.0.0.0:8000
                frames    0.0.0.0:8003
                metrics   http://0.0.0.0:8002/metrics

                Serving 1 of 2 models. Try:

                    curl localhost:8000/v2/models/digits/infer -d @config/samples/digit-7.json


                """,
                text);
        }
    }

    [Fact]
    public void Write_NothingReady_AsksForReadiness()
    {
        string text = StartupReport.Write([], "http://10.0.0.1:80", null, null, ["/samples/digit-7.json"], "/");

        Assert.Contains("\n    curl -i 10.0.0.1:80/v2/health/ready\n", text, StringComparison.Ordinal);
        Assert.DoesNotContain("metrics", text, StringComparison.Ordinal);
    }

    [Fact]
    public void BatchSizes_EachPolicy_IsTold()
    {
        BatchingPolicy policy = new() { MaxBatchRows = 8 };

        Assert.Equal("up to 8", StartupReport.BatchSizes(policy, isBatching: true));
        Assert.Equal("1, 4, 8", StartupReport.BatchSizes(policy with { AllowedBatchSizes = [1, 4, 8] }, isBatching: true));
        Assert.Equal("up to 8, requests not combined", StartupReport.BatchSizes(policy with { IsDynamic = false }, isBatching: true));
        Assert.Equal("no batching", StartupReport.BatchSizes(policy, isBatching: false));
    }
}
