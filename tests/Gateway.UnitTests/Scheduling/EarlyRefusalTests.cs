using Gateway.Core.Requests;
using Gateway.Core.Scheduling;
using Gateway.Core.Tenants;
using Gateway.TestSupport;

namespace Gateway.UnitTests.Scheduling;

/// <summary>Whom endpoints turn away before they read a request, in a model whose batches take 100 ms and 10 ms more a row, of up to 8 rows.</summary>
public sealed class EarlyRefusalTests
{
    private const long Millisecond = 7_000;

    private readonly ManualTimeProvider _time = new();

    // The body of a request may give it more time than the model does.
    [Fact]
    public async Task Objective_WhatIsYetToBeReadMayGiveMore_IsRead()
    {
        PuppetStage stage = new();
        BatchingPolicy policy = new() { MaxBatchRows = 4, Objective = _time.Ticks(TimeSpan.FromMilliseconds(50)) };
        await using TestModel model = new(BatcherSetups.Puppets(stage, _time, policy));
        for (int rows = 1; rows <= 4; rows++) model.Batcher.Latency.Profile(rows, _time.Ticks(TimeSpan.FromMilliseconds(100 + rows)));
        model.Batcher.Latency.EndProfile();
        await model.WhenIdleAsync();
        Sent running = model.SendWithTimeout(10_000_000, 1);
        PuppetRun run = await stage.NextAsync();

        Assert.False(model.Batcher.TurnsAway(0, out _));
        Assert.True(model.Batcher.TurnsAway(0, out EarlyRefusal refusal, priority: 0));
        Assert.Equal(RefusalReason.DeadlineUnreachable, refusal.Reason);
        Assert.True(model.Batcher.TurnsAway(50_000, out _));
        Assert.False(model.Batcher.TurnsAway(10_000_000, out _));
        Sent more = model.SendWithTimeout(10_000_000, 2);
        run.Succeed();
        (await stage.NextAsync()).Succeed();
        await BatcherSetups.AssertServedAsync(running, 1);
        await BatcherSetups.AssertServedAsync(more, 2);
    }

    // Batches of four take 104 ms at most, and one row 101.
    [Fact]
    public async Task MayBeLate_WhoWouldHaveToWait_AndHasNoTimeForIt()
    {
        PuppetStage stage = new();
        await using TestModel model = new(BatcherSetups.Puppets(stage, _time, new BatchingPolicy { MaxBatchRows = 4 }));
        for (int rows = 1; rows <= 4; rows++) model.Batcher.Latency.Profile(rows, _time.Ticks(TimeSpan.FromMilliseconds(100 + rows)));
        model.Batcher.Latency.EndProfile();
        await model.WhenIdleAsync();
        Assert.False(model.Batcher.MayBeLate(1, 0.5));

        Sent running = model.Send(1);
        PuppetRun run = await stage.NextAsync();
        Assert.True(model.Batcher.MayBeLate(400_000, 0.5));
        Assert.False(model.Batcher.MayBeLate(420_000, 0.5));

        // Nobody has had a deadline yet, and then somebody has.
        Assert.False(model.Batcher.MayBeLate(0, 0.5));
        Sent waiting = model.SendWithTimeout(60_000_000, 2);
        Assert.True(model.Batcher.MayBeLate(60_000_000, 0.5));
        run.Succeed();
        run = await stage.NextAsync();
        Assert.False(model.Batcher.MayBeLate(60_000_000, 0.5));
        Assert.True(model.Batcher.MayBeLate(0, 0.5));
        run.Succeed();
        await BatcherSetups.AssertServedAsync(running, 1);
        await BatcherSetups.AssertServedAsync(waiting, 2);
    }

    [Fact]
    public void TightAndLoose_OnePatientRequest_TightOnesAreTurnedAway()
    {
        Scene scene = new(_time, new BatchingPolicy { MaxBatchRows = 8 });
        scene.Arrive(timeout: 24 * 60 * 60 * 1_000 * Millisecond);
        scene.Fill(rows: 24, timeout: 1_000 * Millisecond);
        scene.Fill(rows: 24, timeout: 400 * Millisecond);

        // 24 rows are due within 400 ms, and the instance is busy for 180: those alone take 540.
        Assert.True(scene.TurnsAway(400, priority: null));
        Assert.True(scene.TurnsAway(450, priority: null));
        Assert.False(scene.TurnsAway(5_000, priority: null));
    }

    [Fact]
    public void TightAndLoose_IsToldBehindHowManyRows()
    {
        Scene scene = new(_time, new BatchingPolicy { MaxBatchRows = 8 });
        scene.Fill(rows: 20, timeout: 1_000 * Millisecond);
        scene.Fill(rows: 24, timeout: 400 * Millisecond);

        Assert.Equal((RefusalReason.DeadlineBehindQueue, 24L), scene.Refusal(450));
        Assert.Equal((RefusalReason.DeadlineBehindQueue, 44L), scene.Refusal(1_000));
        Assert.Equal((RefusalReason.DeadlineBehindQueue, 22L), scene.Refusal(450, portion: 0.5));
        Assert.Equal((RefusalReason.DeadlineUnreachable, 0L), scene.Refusal(200));
    }

    // Where it is when it is refused counts, not where it was when it came.
    [Fact]
    public async Task Displaced_IsToldBehindHowManyRows()
    {
        PuppetStage stage = new();
        BatchingPolicy policy = new() { MaxBatchRows = 1, PriorityLevels = 2, QueuePolicies = [default, default] };
        await using TestModel model = new(BatcherSetups.Puppets(stage, _time, policy));
        model.Batcher.Latency.Profile(1, _time.Ticks(TimeSpan.FromMilliseconds(100)));
        model.Batcher.Latency.EndProfile();
        await model.WhenIdleAsync();
        Sent running = model.SendWithTimeout(60_000_000, 0);
        PuppetRun run = await stage.NextAsync();
        InferenceRequest low = model.Request(1);
        low.Priority = 2;
        low.LimitTime(1_050_000);
        Sent displaced = model.Send(low);
        List<Sent> others = [];
        for (int i = 0; i < 9; i++)
        {
            Assert.False(displaced.IsAnswered);
            InferenceRequest high = model.Request(2);
            high.Priority = 1;
            high.LimitTime(1_080_000);
            others.Add(model.Send(high));
        }

        Answer answer = await displaced.AnswerAsync();

        Assert.Matches(@"Request would be finished after 1100\.\d{3} ms, behind 9 rows, and", answer.Error);
        run.Succeed();
        for (int i = 0; i < 9; i++) (await stage.NextAsync()).Succeed();
        await BatcherSetups.AssertServedAsync(running, 0);
        foreach (Sent other in others) await BatcherSetups.AssertServedAsync(other, 2);
    }

    [Fact]
    public void LooseOnesWait_TightOnesAreRead()
    {
        Scene scene = new(_time, new BatchingPolicy { MaxBatchRows = 8 });
        scene.Fill(rows: 48, timeout: 10_000 * Millisecond);

        Assert.False(scene.TurnsAway(400, priority: null));
        Assert.True(scene.TurnsAway(200, priority: null));
    }

    [Fact]
    public void Levels_WhatMayBeOfTheFirstIsRead()
    {
        Scene scene = new(_time, new BatchingPolicy { MaxBatchRows = 8, PriorityLevels = 2, DefaultPriorityLevel = 2, QueuePolicies = [default, default] });
        scene.Fill(rows: 40, timeout: 1_500 * Millisecond, priority: 2);

        Assert.False(scene.TurnsAway(800, priority: null));
        Assert.False(scene.TurnsAway(800, priority: 1));

        // Those that wait are due later.
        Assert.False(scene.TurnsAway(800, priority: 2));
        scene.Fill(rows: 40, timeout: 700 * Millisecond, priority: 1);
        Assert.True(scene.TurnsAway(800, priority: null));
        Assert.True(scene.TurnsAway(800, priority: 2));
    }

    [Fact]
    public void MoreTimesThanAreKept_NeverMoreThanAdmissionRefuses()
    {
        Random random = new(1);
        Scene scene = new(_time, new BatchingPolicy { MaxBatchRows = 8 });
        int turned = 0;
        for (int i = 0; i < 400; i++)
        {
            long timeout = random.Next(150, 3_000);
            _time.Advance(2 * Millisecond);
            bool isTurnedAway = scene.TurnsAway(timeout, priority: null);
            bool isAdmitted = scene.Arrive(timeout * Millisecond);
            Assert.False(isTurnedAway && isAdmitted, $"{i}: {timeout}");
            if (isTurnedAway) turned++;
        }

        Assert.InRange(turned, 100, 400);
    }

    // All are given the same time, and each has lain unread for some of it: the next one is due before those that wait, or after them, by what it has waited. Where that differs by a fifth of
    // the time, those that have waited least are behind more than is noted down.
    [Theory]
    [InlineData(0, 0.8)]
    [InlineData(40, 0.8)]
    [InlineData(400, 0.5)]
    public void EqualTimes_AllHaveLainUnread_AreTurnedAwayUnread(int mostWaited, double leastShare)
    {
        Random random = new(2);
        Scene scene = new(_time, new BatchingPolicy { MaxBatchRows = 8 });
        int turned = 0;
        int refused = 0;
        for (int i = 0; i < 400; i++)
        {
            _time.Advance(5 * Millisecond);
            if (i % 40 == 39) scene.TakeBatch();
            long waited = random.Next(mostWaited / 2, mostWaited + 1);
            bool isTurnedAway = scene.TurnsAway(1_000, priority: null, waited);
            if (isTurnedAway) turned++;

            // What is turned away never comes further; this one does, for a comparison.
            bool isAdmitted = isTurnedAway ? scene.WouldAdmit(1_000 * Millisecond, waited: waited * Millisecond) : scene.Arrive(1_000 * Millisecond, waited: waited * Millisecond);
            Assert.False(isTurnedAway && isAdmitted, $"{i}: {waited}");
            if (!isAdmitted) refused++;
        }

        Assert.InRange(refused, 200, 400);
        Assert.InRange(turned, leastShare * refused, refused);
    }

    // For a lower level that is by what higher ones brought of late, which is a little less when the request comes than when it was noted down.
    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void ManyTimesLevelsAndWaits_NeverMoreThanAdmissionRefuses(int levels)
    {
        for (int seed = 0; seed < 20; seed++)
        {
            Random random = new(seed);
            Scene scene = new(_time, new BatchingPolicy { MaxBatchRows = 8, PriorityLevels = levels, QueuePolicies = [default, default, default] });
            int turned = 0;
            for (int i = 0; i < 300; i++)
            {
                _time.Advance(random.Next(12) * Millisecond);
                if (i % 50 == 49) scene.TakeBatch();
                long timeout = random.Next(2) == 0 ? 600 : random.Next(150, 2_000);
                long waited = random.Next(3) == 0 ? 0 : random.Next((int)timeout);
                int priority = random.Next(1, levels + 1);
                bool isTurnedAway = scene.TurnsAway(timeout, priority, waited);
                bool isAdmitted = scene.Arrive(timeout * Millisecond, priority, waited: waited * Millisecond);
                bool isNearly = priority > 1 && scene.PredictedShare > 0.95;
                Assert.False(isTurnedAway && isAdmitted && !isNearly, $"{seed}, {i}: {timeout} ms of level {priority}, of which it waited {waited}: {scene.PredictedShare}");
                if (isTurnedAway) turned++;
            }

            Assert.InRange(turned, 50, 300);
        }
    }

    // A tenant with much waiting that is due late may have a request that is due early: the next of its turns is for that.
    [Theory]
    [InlineData(2)]
    [InlineData(5)]
    public void ManyTimesAndTenants_NeverMoreThanAdmissionRefuses(int count)
    {
        int turned = 0;
        for (int seed = 0; seed < 40; seed++)
        {
            Random random = new(seed);
            Scene scene = new(_time, new BatchingPolicy { MaxBatchRows = 8 });
            Tenant[] tenants = [.. Enumerable.Range(0, count).Select(i => new Tenant($"{i}", i, new TenantLimits { Weight = random.Next(1, 4) }, _time))];
            for (int i = 0; i < 300; i++)
            {
                _time.Advance(random.Next(12) * Millisecond);
                if (i % 50 == 49) scene.TakeBatch();
                Tenant tenant = tenants[random.Next(8) == 0 ? random.Next(count) : 0];
                long timeout = random.Next(2) == 0 ? 2_000 : random.Next(150, 2_000);
                bool isTurnedAway = scene.TurnsAway(timeout, 1, tenant: tenant);
                bool isAdmitted = scene.Arrive(timeout * Millisecond, tenant: tenant);
                Assert.False(isTurnedAway && isAdmitted, $"{seed}, {i}: {timeout} ms of tenant {tenant.Name}: {scene.PredictedShare}");
                if (isTurnedAway) turned++;
            }
        }

        Assert.InRange(turned, 1000, 12_000);
    }

    private sealed class Scene
    {
        private readonly ManualTimeProvider _time;
        private readonly BatchingPolicy _policy;
        private readonly IBatchFormer _former;
        private readonly RequestQueue _queue;
        private readonly LatencyModel _latency = new(8);
        private readonly AdmissionGate _gate;
        private readonly InstanceView[] _instances;
        private long _sequence;

        public Scene(ManualTimeProvider time, BatchingPolicy policy)
        {
            _time = time;
            _policy = policy;
            _former = policy.MakeFormer(time);
            _queue = new RequestQueue(_former.Order, policy.PriorityLevels);
            _gate = new AdmissionGate(time);
            _instances = [new InstanceView(false, time.GetTimestamp(), 8)];
            for (int rows = 1; rows <= 8; rows++) _latency.Profile(rows, (100 + (10 * rows)) * Millisecond);
            _latency.EndProfile();
        }

        private SchedulingView View => new(_queue, _latency, _instances, _time.GetTimestamp(), isDraining: false);

        /// <summary>Of what the last request had left, what it was predicted to take.</summary>
        public double PredictedShare { get; private set; }

        /// <param name="waited">Ticks for which it has lain unread.</param>
        public bool Arrive(long timeout, int priority = 1, bool isForced = false, long waited = 0, Tenant? tenant = null)
        {
            TestEntry entry = Entry(timeout, priority, waited);
            entry.Tenant = tenant;
            _gate.Saw(priority, timeout, waited);
            bool isAdmitted = _former.Admit(entry, View).Reason == RefusalReason.None;
            long now = _time.GetTimestamp();
            PredictedShare = (entry.PredictedEnd - now) / (double)Math.Max(1, entry.Deadline - now);
            if (isAdmitted || isForced) _queue.Add(entry);
            NoteDown();
            return isAdmitted;
        }

        public bool WouldAdmit(long timeout, long waited) => _former.Admit(Entry(timeout, 1, waited), View).Reason == RefusalReason.None;

        /// <summary>The instance is free, and takes what is due first.</summary>
        public void TakeBatch()
        {
            _instances[0] = InstanceView.Idle();
            BatchPlan plan = new();
            if (_queue.Count > 0) _former.Decide(View, plan);
            foreach (BatchPlan.Refused refused in plan.Refusals) _queue.Remove(refused.Entry);
            foreach (BatchPlan.Part part in plan.Parts) _queue.Take(part.Entry, part.Rows);
            _instances[0] = new InstanceView(false, _time.GetTimestamp(), Math.Max(1, plan.Rows));
            NoteDown();
        }

        private TestEntry Entry(long timeout, int priority, long waited)
        {
            long arrival = _time.GetTimestamp() - waited;
            return new TestEntry { Arrival = arrival, Waited = waited, Deadline = arrival + timeout, Priority = priority, Sequence = ++_sequence };
        }

        private void NoteDown() => _gate.NoteDown(_former, View, _policy.Estimate(8, _latency), 8);

        public void Fill(int rows, long timeout, int priority = 1)
        {
            for (int i = 0; i < rows; i++) Arrive(timeout, priority, isForced: true);
        }

        /// <param name="timeout">Milliseconds.</param>
        public (RefusalReason Reason, long? RowsAhead) Refusal(long timeout, double portion = 1)
        {
            Assert.True(_gate.TurnsAway(timeout * Millisecond, 0, isBeingRead: false, 1, portion, out EarlyRefusal refusal));
            return (refusal.Reason, refusal.Text.Ahead);
        }

        /// <param name="timeout">Milliseconds.</param>
        /// <param name="priority">Null for any.</param>
        /// <param name="waited">Milliseconds for which it has lain unread.</param>
        public bool TurnsAway(long timeout, int? priority, long waited = 0, Tenant? tenant = null)
        {
            double portion = _queue.Shares.PortionAhead(tenant, _queue.Rows, _time.GetTimestamp() + ((timeout - waited) * Millisecond));
            return _gate.TurnsAway(timeout * Millisecond, waited * Millisecond, isBeingRead: true, priority ?? 1, portion, out _);
        }
    }
}
