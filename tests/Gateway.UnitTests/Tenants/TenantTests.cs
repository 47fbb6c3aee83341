using Gateway.Core.Requests;
using Gateway.Core.Scheduling;
using Gateway.Core.Tenants;
using Gateway.TestSupport;
using Gateway.UnitTests.Scheduling;

namespace Gateway.UnitTests.Tenants;

public sealed class TenantTests
{
    private readonly ManualTimeProvider _time = new();

    [Fact]
    public void TryEnter_OverItsConcurrency_IsRefusedUntilOneLeaves()
    {
        Tenant tenant = Of(new TenantLimits { MaxConcurrency = 2 });

        Assert.True(tenant.TryEnter(out _));
        Assert.True(tenant.TryEnter(out _));
        Assert.False(tenant.TryEnter(out TenantRefusal refusal));
        Assert.Equal((RefusalReason.TenantConcurrency, "Tenant 't' exceeds its 2 requests in flight", TimeSpan.FromSeconds(1)), (refusal.Reason, refusal.Text, refusal.RetryAfter));
        tenant.Leave();
        Assert.True(tenant.TryEnter(out _));
        AssertCounts(tenant, requests: 4, inFlight: 2, (RefusalReason.TenantConcurrency, 1));
    }

    [Fact]
    public void TryEnter_OverItsRate_IsToldWhenToComeBack()
    {
        Tenant tenant = Of(new TenantLimits { RequestsPerSecond = 4, RequestBurst = 1 });

        Assert.True(tenant.TryEnter(out _));
        Assert.False(tenant.TryEnter(out TenantRefusal refusal));
        Assert.Equal((RefusalReason.TenantRequests, "Tenant 't' exceeds its rate of 4 requests a second"), (refusal.Reason, refusal.Text));
        Assert.Equal(250, refusal.RetryAfter!.Value.TotalMilliseconds, 0.01);
        _time.Advance(refusal.RetryAfter.Value);
        Assert.True(tenant.TryEnter(out _));
        AssertCounts(tenant, requests: 3, inFlight: 2, (RefusalReason.TenantRequests, 1));
    }

    [Fact]
    public void TryEnter_OverItsRows_IsRefusedUntilTheDebtIsPaid()
    {
        Tenant tenant = Of(new TenantLimits { RowsPerSecond = 10, RowBurst = 10, RequestsPerSecond = 1000 });

        Assert.True(tenant.TryEnter(out _));
        tenant.DrawRows(40);
        Assert.False(tenant.TryEnter(out TenantRefusal refusal));
        Assert.Equal((RefusalReason.TenantRows, "Tenant 't' exceeds its rate of 10 rows a second"), (refusal.Reason, refusal.Text));
        Assert.Equal(3000, refusal.RetryAfter!.Value.TotalMilliseconds, 0.01);
        _time.Advance(refusal.RetryAfter.Value + TimeSpan.FromMilliseconds(1));
        Assert.True(tenant.TryEnter(out _));
    }

    [Fact]
    public void TryEnter_RefusalsOfAFlood_AllocateNothing()
    {
        Tenant tenant = Of(new TenantLimits { MaxConcurrency = 1_000_000, RequestsPerSecond = 1, RequestBurst = 1, RowsPerSecond = 1 });
        Flood(tenant);

        long before = GC.GetAllocatedBytesForCurrentThread();
        Flood(tenant);

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    // Whatever becomes of a request, it leaves once: when it is disposed.
    [Fact]
    public async Task Requests_OfEveryFate_LeaveOnce()
    {
        Tenant tenant = Of(new TenantLimits());
        PuppetStage stage = new();
        TestModel model = new(BatcherSetups.Puppets(stage, _time, new BatchingPolicy { MaxBatchRows = 2, MaxQueueRequests = 2, FollowsLatencyCurve = false }));
        await model.WhenIdleAsync();

        Sent running = model.Send(Admitted(model, tenant, 1));
        PuppetRun run = await stage.NextAsync();
        Sent cancelled = model.Send(Admitted(model, tenant, 2));
        Sent waiting = model.Send(Admitted(model, tenant, 3));
        cancelled.Cancel();
        Sent second = model.Send(Admitted(model, tenant, 4));
        Sent overflowing = model.Send(Admitted(model, tenant, 5));
        Sent last = model.Send(Admitted(model, tenant, 6));
        InferenceRequest unsent = Admitted(model, tenant, 7);
        Assert.True(tenant.InFlight >= 4);
        run.Succeed();
        (await stage.NextAsync()).Succeed();
        foreach (Sent sent in (Sent[])[running, cancelled, waiting, second, overflowing, last]) await sent.AnswerAsync();
        unsent.Dispose();
        await model.DisposeAsync();

        TenantCounts counts = tenant.Snapshot();
        Assert.Equal((7, 0, 3), (counts.Requests, counts.InFlight, counts.Rows));
        Assert.Equal(2, counts.Refused[(int)RefusalReason.QueueFull]);
    }

    private static InferenceRequest Admitted(TestModel model, Tenant tenant, long value)
    {
        Assert.True(tenant.TryEnter(out _));
        InferenceRequest request = model.Request(value);
        request.AdmitAs(tenant);
        return request;
    }

    private static void Flood(Tenant tenant)
    {
        for (int i = 0; i < 1000; i++)
        {
            if (tenant.TryEnter(out _)) tenant.Leave();
        }
    }

    private static void AssertCounts(Tenant tenant, long requests, int inFlight, (RefusalReason Reason, long Count) refused)
    {
        TenantCounts counts = tenant.Snapshot();
        Assert.Equal((requests, inFlight), (counts.Requests, counts.InFlight));
        Assert.Equal(refused.Count, counts.Refused[(int)refused.Reason]);
        Assert.Equal(refused.Count, counts.Refused.Sum());
    }

    private Tenant Of(TenantLimits limits) => new("t", 0, limits, _time);
}
