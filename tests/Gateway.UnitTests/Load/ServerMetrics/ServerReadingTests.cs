using Gateway.Load.Results;
using Gateway.Load.ServerMetrics;

namespace Gateway.UnitTests.Load.ServerMetrics;

public class ServerReadingTests
{
    private const string Page = """
        # HELP nv_inference_count x
        gateway_batch_size_rows_bucket{le="1",model="m",version="1"} 10
        gateway_batch_size_rows_bucket{le="2",model="m",version="1"} 30
        gateway_batch_size_rows_bucket{le="+Inf",model="m",version="1"} 30
        gateway_batch_size_rows_sum{model="m",version="1"} 50
        gateway_batch_size_rows_count{model="m",version="1"} 30
        gateway_batch_size_rows_sum{model="other",version="1"} 5000
        gateway_batch_size_rows_count{model="other",version="1"} 10
        gateway_queue_duration_seconds_sum{model="m",version="1"} 0.05
        gateway_queue_duration_seconds_count{model="m",version="1"} 50
        gateway_compute_infer_duration_seconds_sum{model="m",version="1"} 0.5
        gateway_compute_infer_duration_seconds_count{model="m",version="1"} 50
        gateway_batch_close_reason_total{model="m",reason="full",version="1"} 30
        process_cpu_seconds_total 4.5 1700000000
        process_start_time_seconds 1600000000
        nonsense
        """;

    [Fact]
    public void Read_TwoPages_AreAveragesOfTheModelsAsked()
    {
        MetricsSample before = new(0, PrometheusText.Parse("process_cpu_seconds_total 2.5\ngateway_batch_size_rows_sum{model=\"m\",version=\"1\"} 0\ngateway_batch_size_rows_count{model=\"m\",version=\"1\"} 0\n"
            + "gateway_queue_duration_seconds_sum{model=\"m\"} 0\ngateway_queue_duration_seconds_count{model=\"m\"} 0\ngateway_compute_infer_duration_seconds_sum{model=\"m\"} 0\ngateway_compute_infer_duration_seconds_count{model=\"m\"} 0\n"));
        MetricsSample after = new(2, PrometheusText.Parse(Page));

        ServerResult server = ServerReading.Read("x", [before, after], new HashSet<string> { "m" }, 0, 2)!;

        Assert.Equal(1, server.CpuCores);
        Assert.Equal(50 / 30.0, server.BatchRows);
        Assert.Equal([new ServerStage("queue", 1), new ServerStage("infer", 10)], server.Stages);
        Assert.Equal(0.15, server.InstancesBusy, 9);
        Assert.Equal([new LabelCount("1", 10), new LabelCount("2", 20)], server.BatchSizes);
        Assert.Equal([new LabelCount("full", 30)], server.CloseReasons);
        Assert.Single(server.Points);
    }

    [Fact]
    public void Read_ServerWithoutMetricsOfOurs_LeavesThemOut()
    {
        MetricsSample before = new(0, PrometheusText.Parse("up 1"));
        MetricsSample after = new(1, PrometheusText.Parse("up 1"));

        ServerResult server = ServerReading.Read("x", [before, after], new HashSet<string> { "m" }, 0, 1)!;

        Assert.Equal(-1, server.CpuCores);
        Assert.Equal(0, server.BatchRows);
        Assert.Empty(server.Stages);
    }

    [Fact]
    public void Read_BatchesOfTwoSizes_InstanceIsBusyAsLongAsTheyRun()
    {
        // In a second, 50 batches of one request, 2 ms each, and 50 of nine, 10 ms each: 0.6 s. As requests see it, the mean run is 9.2 ms.
        const string Seen = "gateway_batch_size_rows_count{model=\"m\"} 100\ngateway_compute_infer_duration_seconds_sum{model=\"m\"} 4.6\ngateway_compute_infer_duration_seconds_count{model=\"m\"} 500\n";
        const string Nothing = "gateway_batch_size_rows_count{model=\"m\"} 0\ngateway_compute_infer_duration_seconds_sum{model=\"m\"} 0\ngateway_compute_infer_duration_seconds_count{model=\"m\"} 0\n";
        const string Instance = "gateway_model_provider{device=\"CPU\",model=\"m\",provider=\"cpu\"} 1\n";

        ServerResult counted = Read(Nothing + "gateway_batch_run_seconds_total{model=\"m\"} 5\n", Seen + Instance + "gateway_batch_run_seconds_total{model=\"m\"} 5.6\n");
        ServerResult estimated = Read(Nothing, Seen + Instance);
        ServerResult beyond = Read(Nothing, Seen.Replace("4.6", "9", StringComparison.Ordinal) + Instance);

        Assert.Equal((0.6, false), (Math.Round(counted.InstancesBusy, 9), counted.IsBusyEstimate));
        Assert.Equal((0.92, true), (Math.Round(estimated.InstancesBusy, 9), estimated.IsBusyEstimate));
        Assert.Equal((1.0, true), (beyond.InstancesBusy, beyond.IsBusyEstimate));
    }

    [Fact]
    public void Read_Triton_InstancesAreBusyByEstimate()
    {
        const string Before = "nv_inference_exec_count{model=\"m\"} 0\nnv_inference_request_success{model=\"m\"} 0\nnv_inference_compute_infer_duration_us{model=\"m\"} 0\n";
        const string After = "nv_inference_exec_count{model=\"m\"} 50\nnv_inference_request_success{model=\"m\"} 100\nnv_inference_compute_infer_duration_us{model=\"m\"} 1000000\n";

        ServerResult server = Read(Before, After);

        Assert.Equal((0.5, true, 0), (Math.Round(server.InstancesBusy, 9), server.IsBusyEstimate, server.Instances));
    }

    [Fact]
    public void Read_ServerThatRestarts_CountsBeforeAndAfterAndWarns()
    {
        // 100 batches of 2 rows and 1 core before; 200 of 4 and 2 cores after; what came between the pages of 2 s and 3 s nobody knows.
        MetricsSample[] pages = [At(0, 500, 1000, 70), At(1, 550, 1100, 71), At(2, 600, 1200, 72), At(3, 10, 40, 5), At(4, 210, 840, 7)];

        ServerResult server = ServerReading.Read("x", pages, new HashSet<string> { "m" }, 0, 4)!;

        Assert.Equal(4 / 3.0, server.CpuCores, 9);
        Assert.Equal((200 + 800) / 300.0, server.BatchRows, 9);
        Assert.Equal(3, server.Points.Count);
        Assert.All(server.Points, point => Assert.True(point.CpuCores > 0));
        Assert.StartsWith("the server restarted during the run", server.Warning);
        Assert.Null(ServerReading.Read("x", pages[..3], new HashSet<string> { "m" }, 0, 2)!.Warning);
        Assert.Null(ServerReading.Read("x", pages[2..4], new HashSet<string> { "m" }, 0, 4));
    }

    [Fact]
    public void Read_ModelThatIsLoadedAgain_CountsBeforeAndAfterAndWarns()
    {
        // The process goes on; another model's counters are none of ours.
        MetricsSample[] pages = [At(0, 500, 1000, 70), At(1, 600, 1200, 71), At(2, 0, 0, 72), At(3, 100, 300, 73)];

        ServerResult server = ServerReading.Read("x", pages, new HashSet<string> { "m" }, 0, 3)!;

        Assert.Equal((1.0, 500 / 200.0), (server.CpuCores, server.BatchRows));
        Assert.StartsWith("counters of the server began anew", server.Warning);
        Assert.Null(ServerReading.Read("x", pages, new HashSet<string> { "other" }, 0, 3)!.Warning);
    }

    private static MetricsSample At(double seconds, int batches, int rows, double cpu) =>
        new(seconds, PrometheusText.Parse($"process_cpu_seconds_total {cpu}\ngateway_batch_size_rows_sum{{model=\"m\"}} {rows}\ngateway_batch_size_rows_count{{model=\"m\"}} {batches}\n"));

    private static ServerResult Read(string before, string after) =>
        ServerReading.Read("x", [new MetricsSample(0, PrometheusText.Parse(before)), new MetricsSample(1, PrometheusText.Parse(after))], new HashSet<string> { "m" }, 0, 1)!;

    [Fact]
    public void Label_NamesThatEndAlike_AreToldApart() => Assert.Equal("b", PrometheusText.Label("x{submodel=\"a\",model=\"b\"}", "model"));

    [Fact]
    public void Parse_RandomPages_NeverThrow()
    {
        Random random = new(9);
        for (int i = 0; i < 3000; i++)
        {
            char[] page = Page.ToCharArray();
            for (int j = random.Next(10); j >= 0; j--) page[random.Next(page.Length)] = (char)random.Next(32, 127);
            ServerReading.Read("x", [new MetricsSample(0, PrometheusText.Parse(new string(page))), new MetricsSample(1, PrometheusText.Parse(Page))], new HashSet<string> { "m" }, 0, 1);
        }
    }

    [Fact]
    public void Parse_Names_KeepsOnlyThose()
    {
        Dictionary<string, double> series = PrometheusText.Parse("a{x=\"1\"} 1\nab 2\na 3\nb{a=\"a\"} 4\n\na\n", ["a"]);

        Assert.Equal(["a", "a{x=\"1\"}"], series.Keys.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Names_WhatIsRead_IsKept()
    {
        // A reading of a page of only the names kept is the reading of the whole page.
        Dictionary<string, double> all = PrometheusText.Parse(Page);
        Dictionary<string, double> kept = PrometheusText.Parse(Page, ServerReading.Names);

        Assert.Equal(all.OrderBy(pair => pair.Key), kept.OrderBy(pair => pair.Key));
    }

    [Fact]
    public void Add_LongRun_HalvesTheResolutionAndSpansAllOfIt()
    {
        SampleShelf shelf = new(100);
        for (int second = 0; second < 10_000; second++)
        {
            if (shelf.WantsNext()) shelf.Add(new MetricsSample(second, []));
        }

        Assert.InRange(shelf.Samples.Count, 50, 100);
        Assert.Equal(0, shelf.Samples[0].Seconds);
        Assert.True(shelf.Samples[^1].Seconds > 9_800);
        double[] gaps = [.. shelf.Samples.Zip(shelf.Samples.Skip(1), (one, next) => next.Seconds - one.Seconds).Distinct()];
        Assert.Equal([128], gaps);
    }
}
