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
