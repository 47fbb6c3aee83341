using System.Buffers;
using System.Text;
using Gateway.Core.Execution;
using Gateway.Core.Memory;
using Gateway.Core.Models;
using Gateway.Core.Scheduling;
using Gateway.Core.Tenants;
using Gateway.Server.Hosting;
using Gateway.Server.Metrics;
using Gateway.Server.Metrics.Gpu;
using Gateway.TestSupport;
using Gateway.UnitTests.Hosting;

namespace Gateway.UnitTests.Metrics;

public sealed class MetricsPageTests : IDisposable
{
    private const string Model = "{model=\"m\",version=\"1\"}";
    private readonly TenantDirectory _tenants = TestTenants.Directory(2);
    private readonly BlockPool _pool = new(1 << 20, lockPages: false);
    private readonly ModelCatalog _catalog = new();

    public void Dispose() => _pool.Dispose();

    [Fact]
    public void Write_NoModels_HasEveryFamilyOfTriton()
    {
        PrometheusText text = Scrape();

        // As in Triton's own output and documentation, word for word.
        Assert.Equal("Number of successful inference requests, all batch sizes", text.Helps["nv_inference_request_success"]);
        Assert.Equal("Number of failed inference requests, all batch sizes", text.Helps["nv_inference_request_failure"]);
        Assert.Equal("Number of inferences performed (does not include cached requests)", text.Helps["nv_inference_count"]);
        Assert.Equal("Number of model executions performed (does not include cached requests)", text.Helps["nv_inference_exec_count"]);
        Assert.Equal("Cumulative inference request duration in microseconds (includes cached requests)", text.Helps["nv_inference_request_duration_us"]);
        Assert.Equal("Cumulative inference queuing duration in microseconds (includes cached requests)", text.Helps["nv_inference_queue_duration_us"]);
        Assert.Equal("Cumulative compute input duration in microseconds (does not include cached requests)", text.Helps["nv_inference_compute_input_duration_us"]);
        Assert.Equal("Cumulative compute inference duration in microseconds (does not include cached requests)", text.Helps["nv_inference_compute_infer_duration_us"]);
        Assert.Equal("Cumulative inference compute output duration in microseconds (does not include cached requests)", text.Helps["nv_inference_compute_output_duration_us"]);
        Assert.Equal("Instantaneous number of pending requests awaiting execution per-model.", text.Helps["nv_inference_pending_request_count"]);
        Assert.Equal("Model load time in seconds", text.Helps["nv_model_load_duration_secs"]);
        Assert.Equal("Pinned memory pool total memory size, in bytes", text.Helps["nv_pinned_memory_pool_total_bytes"]);
        Assert.Equal("Pinned memory pool used memory size, in bytes", text.Helps["nv_pinned_memory_pool_used_bytes"]);
        Assert.Equal(1 << 20, text["nv_pinned_memory_pool_total_bytes"]);
    }

    [Fact]
    public async Task Write_RequestsThatSucceed_AreCountedAsTritonDoes()
    {
        await using DynamicBatcher batcher = Serve(out ServedModel model, _ => { });
        for (int i = 0; i < 3; i++) Assert.Null(await TestModels.InferAsync(model, _pool, rows: 2));

        PrometheusText text = Scrape();

        Assert.Equal(3, text["nv_inference_request_success" + Model]);
        Assert.Equal(6, text["nv_inference_count" + Model]);
        Assert.Equal(3, text["nv_inference_exec_count" + Model]);
        Assert.Equal(0, text["nv_inference_pending_request_count" + Model]);
        Assert.Equal(1.5, text["nv_model_load_duration_secs" + Model]);
        Assert.Equal(3, text["gateway_requests_accepted_total" + Model]);
        Assert.Equal(3, text["gateway_requests_total{model=\"m\",outcome=\"succeeded\",version=\"1\"}"]);
        Assert.Equal(3, text["gateway_request_duration_seconds_count" + Model]);
        Assert.Equal(0, text["gateway_batch_size_rows_bucket{le=\"1\",model=\"m\",version=\"1\"}"]);
        Assert.Equal(3, text["gateway_batch_size_rows_bucket{le=\"2\",model=\"m\",version=\"1\"}"]);
        Assert.Equal(6, text["gateway_batch_size_rows_sum" + Model]);

        // Of batches that have one request each.
        Assert.Equal(text["gateway_compute_infer_duration_seconds_sum" + Model], text["gateway_batch_run_seconds_total" + Model], 1e-9);
        Assert.Equal(3, text["gateway_batch_close_reason_total{model=\"m\",reason=\"immediate\",version=\"1\"}"]);
        Assert.True(text.Has("gateway_batch_close_reason_total{model=\"m\",reason=\"delay_expired\",version=\"1\"}"));
        Assert.True(text["nv_inference_request_duration_us" + Model] >= text["nv_inference_compute_infer_duration_us" + Model]);
    }

    [Fact]
    public async Task Write_MemoryForFewerRows_IsTheLimit()
    {
        await using DynamicBatcher batcher = Serve(out ServedModel _, _ => { });
        Assert.Equal(4, Scrape()["gateway_batch_rows_limit" + Model]);

        batcher.Latency.LimitRows(2);

        Assert.Equal(2, Scrape()["gateway_batch_rows_limit" + Model]);
    }

    [Fact]
    public async Task Write_AllInstancesLost_IsNotReady()
    {
        await using DynamicBatcher batcher = Serve(out ServedModel model, _ => throw new ExecutionException("gone", failure: ExecutionFailure.DeviceLost));
        PrometheusText before = Scrape();
        Assert.Equal((0, 1), (before["gateway_instances_lost" + Model], before["gateway_model_ready" + Model]));

        // Its executor cannot be made anew.
        Assert.NotNull(await TestModels.InferAsync(model, _pool, rows: 1));

        PrometheusText text = Scrape();
        Assert.Equal((1, 0), (text["gateway_instances_lost" + Model], text["gateway_model_ready" + Model]));
    }

    [Fact]
    public async Task Write_RunThatFails_IsABackendFailure()
    {
        await using DynamicBatcher batcher = Serve(out ServedModel model, _ => throw new ExecutionException("broken"));
        Assert.NotNull(await TestModels.InferAsync(model, _pool, rows: 1));

        PrometheusText text = Scrape();

        Assert.Equal(1, text["nv_inference_request_failure{model=\"m\",reason=\"BACKEND\",version=\"1\"}"]);
        Assert.Equal(0, text["nv_inference_request_failure{model=\"m\",reason=\"CANCELED\",version=\"1\"}"]);
        Assert.Equal(0, text["nv_inference_request_failure{model=\"m\",reason=\"OTHER\",version=\"1\"}"]);
        Assert.Equal(0, text["nv_inference_request_failure{model=\"m\",reason=\"REJECTED\",version=\"1\"}"]);
        Assert.Equal(0, text["nv_inference_request_success" + Model]);
        Assert.Equal(0, text["nv_inference_request_duration_us" + Model]);
        Assert.True(text["gateway_failed_executions_total" + Model] >= 1);
    }

    [Fact]
    public async Task Write_RowsOfSeveralSizes_HasTheFactorOfEach()
    {
        await using DynamicBatcher batcher = Serve(out _, _ => { });
        for (int i = 0; i < 10; i++) batcher.Latency.Record(1, 1000, now: i, ShapeClasses.Of(32));
        Assert.False(Scrape().Has("gateway_batch_shape_factor_ratio{elements=\"32\",model=\"m\",version=\"1\"}"));

        for (int i = 0; i < 10; i++) batcher.Latency.Record(1, 4000, now: i, ShapeClasses.Of(500));

        PrometheusText text = Scrape();
        Assert.Equal(1, text["gateway_batch_shape_factor_ratio{elements=\"32\",model=\"m\",version=\"1\"}"]);
        Assert.Equal(4, text["gateway_batch_shape_factor_ratio{elements=\"512\",model=\"m\",version=\"1\"}"], 0.1);
        Assert.Equal(1000d / TimeProvider.System.TimestampFrequency, text["gateway_batch_estimate_seconds{model=\"m\",rows=\"1\",version=\"1\"}"], 1e-9);
    }

    [Fact]
    public async Task Write_RequestRefusedByAStoppedModel_IsCountedByUsOnly()
    {
        await using DynamicBatcher batcher = Serve(out ServedModel model, _ => { });
        await batcher.StopAsync(TimeSpan.Zero);
        Assert.NotNull(await TestModels.InferAsync(model, _pool, rows: 1));

        PrometheusText text = Scrape();

        Assert.Equal(0, text["nv_inference_request_failure{model=\"m\",reason=\"REJECTED\",version=\"1\"}"]);
        Assert.Equal(1, text["gateway_requests_total{model=\"m\",outcome=\"rejected\",version=\"1\"}"]);
    }

    [Fact]
    public void Write_BrokenModel_HasNoSeriesOfTritonButOurState()
    {
        _catalog.Set(new ModelStatus("a\\b\"c\nd", 0, ModelState.Unavailable, "why", null, TimeSpan.Zero));

        PrometheusText text = Scrape();

        Assert.Equal(0, text["gateway_model_ready{model=\"a\\\\b\\\"c\\nd\",version=\"0\"}"]);
        Assert.False(text.Has("nv_inference_count{model=\"a\\\\b\\\"c\\nd\",version=\"0\"}"));
    }

    [Fact]
    public void Write_Process_SaysWhenItStarted() => Assert.InRange(Scrape()["process_start_time_seconds"], 1, (TimeProvider.System.GetUtcNow() - DateTimeOffset.UnixEpoch).TotalSeconds);

    [Fact]
    public void Write_LentBlock_IsShownWithItsOwner()
    {
        Assert.True(_pool.TryRent(1, BlockOwner.RequestTensors, out MemoryBlock? block));

        Assert.Equal(1, Scrape()["gateway_pool_rented_blocks{owner=\"request_tensors\"}"]);
        Assert.Equal(4096, Scrape()["nv_pinned_memory_pool_used_bytes"]);

        block.Release();
        Assert.Equal(0, Scrape()["gateway_pool_rented_blocks{owner=\"request_tensors\"}"]);
    }

    [Fact]
    public void Write_Tenants_EachHasItsOwnCounts()
    {
        Tenant tenant = _tenants.Find("t0"u8)!;
        Assert.True(tenant.TryEnter(out _));
        Assert.True(tenant.TryEnter(out _));
        tenant.LeaveRefused(RefusalReason.QueueFull);

        PrometheusText text = Scrape();

        Assert.Equal(2, text["gateway_tenant_requests_total{tenant=\"t0\"}"]);
        Assert.Equal(1, text["gateway_tenant_refused_requests_total{reason=\"queue_full\",tenant=\"t0\"}"]);
        Assert.Equal(0, text["gateway_tenant_refused_requests_total{reason=\"tenant_requests\",tenant=\"t0\"}"]);
        Assert.Equal(0, text["gateway_tenant_rows_total{tenant=\"t0\"}"]);
        Assert.Equal(1, text["gateway_tenant_in_flight_requests{tenant=\"t0\"}"]);
        Assert.Equal(0, text["gateway_tenant_requests_total{tenant=\"default\"}"]);
        Assert.False(text.Has("gateway_refused_requests_total{model=\"m\",reason=\"tenant_requests\",version=\"1\"}"));
    }

    private DynamicBatcher Serve(out ServedModel model, Action<Batch> run)
    {
        (model, DynamicBatcher batcher) = TestModels.Make("m", _pool, new BatchingPolicy { MaxBatchRows = 4 }, run);
        _catalog.Set(TestModels.Ready(model));
        return batcher;
    }

    private PrometheusText Scrape()
    {
        ArrayBufferWriter<byte> output = new();
        new MetricsPage(_catalog, _pool, new ConnectionCounts(), new MachineUsage(), new GpuUsage("no-such-library.so"), _tenants).Write(output);
        return PrometheusText.Parse(Encoding.UTF8.GetString(output.WrittenSpan));
    }
}
