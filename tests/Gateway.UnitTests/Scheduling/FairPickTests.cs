using Gateway.Core.Scheduling;
using Gateway.Core.Tenants;
using Gateway.TestSupport;

namespace Gateway.UnitTests.Scheduling;

/// <summary>Whose requests go into a batch when several tenants want more than it holds.</summary>
public sealed class FairPickTests
{
    // A batch takes 100 ticks and 10 more a row, up to 8 rows, which are the best.
    private static readonly BatchingPolicy Policy = new() { MaxBatchRows = 8, PriorityLevels = 2, QueuePolicies = [default, default] };

    private readonly Tenant[] _tenants = TestTenants.OfWeights(1, 1, 2);

    [Fact]
    public void Contended_EqualWeights_TakeTurns()
    {
        FormerScene scene = Scene();
        Fill(scene, _tenants[0], 20);
        Fill(scene, _tenants[1], 20);

        Assert.Equal("Full: 1 1 1 1 1 1 1 1", scene.Decide());
        Assert.Equal((4, 4), (RowsOf(scene, _tenants[0]), RowsOf(scene, _tenants[1])));
    }

    [Fact]
    public void Contended_WeightsAreRows_OverBatches()
    {
        FormerScene scene = Scene();
        Fill(scene, _tenants[0], 40, rows: 2);
        Fill(scene, _tenants[2], 80);
        int first = 0;
        int second = 0;
        for (int i = 0; i < 9; i++)
        {
            scene.Decide();
            first += RowsOf(scene, _tenants[0]);
            second += RowsOf(scene, _tenants[2]);
            scene.Apply();
        }

        Assert.Equal(72, first + second);
        Assert.InRange(first, 22, 26);
    }

    [Fact]
    public void Contended_WithinATenant_PriorityThenDeadlineThenArrival()
    {
        FormerScene scene = Scene();
        Fill(scene, _tenants[1], 20);
        TestEntry patient = scene.Add(tenant: _tenants[0]);
        TestEntry later = scene.Add(deadline: 9_000, tenant: _tenants[0]);
        TestEntry sooner = scene.Add(deadline: 5_000, tenant: _tenants[0]);
        TestEntry soonerToo = scene.Add(deadline: 5_000, tenant: _tenants[0]);
        TestEntry low = scene.Add(priority: 2, deadline: 4_000, tenant: _tenants[0]);

        scene.Decide();

        Assert.Equal([sooner, soonerToo, later, patient], scene.Taken.Where(entry => entry.Tenant == _tenants[0]));
        Assert.DoesNotContain(low, scene.Taken);
    }

    // One that calls all its requests the most important ones gets no more for it.
    [Fact]
    public void Contended_PriorityDoesNotGoBeforeAnotherTenant()
    {
        FormerScene scene = Scene();
        for (int i = 0; i < 20; i++) scene.Add(priority: 2, tenant: _tenants[0]);
        for (int i = 0; i < 20; i++) scene.Add(priority: 1, tenant: _tenants[1]);

        scene.Decide();

        Assert.Equal((4, 4), (RowsOf(scene, _tenants[0]), RowsOf(scene, _tenants[1])));
    }

    [Fact]
    public void NotContended_DeadlinesDecideAlone()
    {
        FormerScene scene = Scene();
        TestEntry[] late = [.. Enumerable.Range(0, 4).Select(_ => scene.Add(deadline: 9_000, tenant: _tenants[0]))];
        TestEntry early = scene.Add(deadline: 5_000, tenant: _tenants[1]);

        Assert.Equal("Immediate: 1 1 1 1 1", scene.Decide());
        Assert.Equal([early, .. late], scene.Taken);
    }

    [Fact]
    public void OneTenant_IsServedAsIfThereWereNone()
    {
        FormerScene with = Scene();
        FormerScene without = Scene();
        Random random = new(3);
        for (int i = 0; i < 200; i++)
        {
            int rows = random.Next(1, 5);
            long deadline = random.Next(100, 20_000);
            with.Add(rows, deadline: deadline, tenant: _tenants[0]);
            without.Add(rows, deadline: deadline);
        }

        for (long now = 0; without.Queue.Count > 0; now += 180)
        {
            Assert.Equal(without.Decide(now), with.Decide(now));
            Assert.Equal(without.Taken.Select(entry => entry.Sequence), with.Taken.Select(entry => entry.Sequence));
            foreach (FormerScene scene in (FormerScene[])[with, without]) scene.ApplyAll();
        }
    }

    [Fact]
    public void Contended_WhatAFullBatchWouldMakeLate_IsLeftToOthers()
    {
        FormerScene scene = Scene();
        TestEntry tight = scene.Add(deadline: 150, tenant: _tenants[0]);
        TestEntry next = scene.Add(deadline: 400, tenant: _tenants[0]);
        Fill(scene, _tenants[1], 20);

        scene.Decide();

        Assert.DoesNotContain(tight, scene.Taken);
        Assert.Contains(next, scene.Taken);
    }

    // One row of one tenant's alone would take 110, and the others' would be late behind it.
    [Fact]
    public void Contended_TurnsDoNotFillTheBatch_WhatAFullOneWouldMakeLateDoes()
    {
        FormerScene scene = Scene();
        TestEntry loose = scene.Add(deadline: 1_000, tenant: _tenants[0]);
        for (int i = 0; i < 20; i++) scene.Add(deadline: 170, tenant: _tenants[1]);

        // 100 + 10 · 5, and a tenth.
        Assert.Equal("Immediate: 1 1 1 1 1", scene.Decide());
        Assert.Contains(loose, scene.Taken);
    }

    [Fact]
    public void Contended_NoneIsInTimeInAFullBatch_ThePlansDecide()
    {
        FormerScene scene = Scene();
        for (int i = 0; i < 6; i++) scene.Add(deadline: 160, tenant: _tenants[0]);
        for (int i = 0; i < 6; i++) scene.Add(deadline: 160, tenant: _tenants[1]);

        // 100 + 10 · 4, and a tenth.
        Assert.Equal("Immediate: 1 1 1 1", scene.Decide());
    }

    // The remainder of a request that is larger than a batch, and one that never fits beside others.
    [Fact]
    public void Contended_LargeRequests_GetTheirTurn()
    {
        FormerScene scene = Scene();
        TestEntry large = scene.Add(rows: 20, tenant: _tenants[0]);
        Fill(scene, _tenants[1], 100);
        int batches = 0;
        while (large.RowsWaiting > 0 && batches < 20)
        {
            scene.Decide();
            Assert.True(scene.Taken.Any());
            scene.Apply();
            batches++;
        }

        Assert.InRange(batches, 3, 6);
    }

    // 64 rows are eight batches: once begun they go on one after the other, whoever else has a claim, and are in time; what they took counts as any rows do.
    [Fact]
    public void Contended_RequestThatHasBegun_GoesOnAndIsInTime()
    {
        FormerScene scene = Scene();
        Fill(scene, _tenants[1], 200);
        TestEntry large = scene.Add(rows: 64, deadline: 1_620, tenant: _tenants[0]);
        Fill(scene, _tenants[0], 40);
        long now = 0;
        for (; large.RowsWaiting > 0; now += 180)
        {
            scene.Decide(now);
            Assert.Contains(large, scene.Taken);
            scene.ApplyAll();
        }

        Assert.True(now <= large.Deadline);
        for (int i = 0; i < 8; i++, now += 180)
        {
            scene.Decide(now);
            Assert.Equal(8, RowsOf(scene, _tenants[1]));
            scene.ApplyAll();
        }
    }

    // What is left of one is less than a batch: others come along, but only as many as leave it in time.
    [Theory]
    [InlineData(500, "Full: 2 1 1 1 1 1 1")]
    [InlineData(340, "Immediate: 2 1 1")]
    public void Contended_RestOfARequest_OthersComeAlongInTurns(long deadline, string expected)
    {
        FormerScene scene = Scene();
        scene.Add(rows: 10, deadline: deadline, tenant: _tenants[0]);
        Fill(scene, _tenants[0], 40);
        Fill(scene, _tenants[1], 40);

        Assert.Equal("Full: 8", scene.Decide());
        scene.Apply();

        // The first batch was ten rows' worth of its tenant's turns.
        Assert.Equal(expected, scene.Decide(now: 180));
        Assert.Equal(2, RowsOf(scene, _tenants[0]));
    }

    // One that comes on nobody's behalf, say a warm-up of the cache, has turns like a tenant's; it does not take the others theirs.
    [Fact]
    public void Contended_OneIsOfNoTenant_TheOthersTakeTurnsAllTheSame()
    {
        FormerScene scene = Scene();
        Fill(scene, _tenants[0], 20);
        TestEntry nobodys = scene.Add();
        Fill(scene, _tenants[1], 20);

        Assert.Equal("Full: 1 1 1 1 1 1 1 1", scene.Decide());
        Assert.Contains(nobodys, scene.Taken);
        Assert.InRange(RowsOf(scene, _tenants[0]), 3, 4);
        Assert.InRange(RowsOf(scene, _tenants[1]), 3, 4);
        scene.Apply();
        Assert.Equal(33, scene.Queue.Shares.Requests);
    }

    // Its tenant always has something due: after sixteen batches' rows of that it is the patient one's turn, in whatever shape it comes, as without tenants.
    [Theory]
    [InlineData(0)]
    [InlineData(7)]
    public void Contended_RequestWithoutADeadlineBehindItsTenantsOthers_HasItsTurn(ulong key)
    {
        FormerScene scene = Scene();
        TestEntry patient = scene.Add(key: key, tenant: _tenants[0]);
        int batches = 0;
        for (long now = 0; patient.RowsWaiting > 0 && batches < 100; now += 180, batches++)
        {
            while ((scene.Queue.Shares.Of(_tenants[0])?.Rows ?? 0) < 32) Fill(scene, _tenants[0], 1, deadline: now + 5_000);
            while ((scene.Queue.Shares.Of(_tenants[1])?.Rows ?? 0) < 32) Fill(scene, _tenants[1], 1, deadline: now + 5_000);
            scene.Decide(now);
            scene.ApplyAll();
        }

        // Half of the rows are its tenant's.
        Assert.InRange(batches, 2 * BatchingPolicy.PatientTurn, (2 * BatchingPolicy.PatientTurn) + 3);
    }

    // The turn of a patient one may come while one of its lane has begun.
    [Fact]
    public void Contended_PatientsTurnsBesideRestsOfRequests_NobodyIsTakenTwice()
    {
        FormerScene scene = Scene();
        List<TestEntry> patients = [];
        for (int batch = 0; batch < 400; batch++)
        {
            long now = 180 * batch;
            if (patients.TrueForAll(patient => patient.RowsWaiting == 0)) patients.Add(scene.Add(tenant: _tenants[0]));
            while ((scene.Queue.Shares.Of(_tenants[0])?.Rows ?? 0) < 24) scene.Add(rows: 10, deadline: now + 5_000, tenant: _tenants[0]);
            while ((scene.Queue.Shares.Of(_tenants[1])?.Rows ?? 0) < 8) Fill(scene, _tenants[1], 1, deadline: now + 5_000);
            scene.Decide(now);
            Assert.Equal(scene.Taken.Count(), scene.Taken.Distinct().Count());
            scene.ApplyAll();
        }

        Assert.InRange(patients.Count, 5, 20);
    }

    [Fact]
    public void BackAfterASilence_HasNoClaimSavedUp()
    {
        FormerScene scene = Scene();
        Fill(scene, _tenants[0], 1);
        Fill(scene, _tenants[1], 200);
        for (int i = 0; i < 20; i++)
        {
            scene.Decide();
            scene.Apply();
        }

        Fill(scene, _tenants[0], 40);
        int rows = 0;
        for (int i = 0; i < 4; i++)
        {
            scene.Decide();
            rows += RowsOf(scene, _tenants[0]);
            scene.Apply();
        }

        Assert.InRange(rows, 15, 17);
    }

    // Shapes cannot share a batch; a tenant does not get more by having many.
    [Fact]
    public void Contended_ManyShapes_DoNotMakeMoreTurns()
    {
        FormerScene scene = Scene();
        for (int i = 0; i < 200; i++) scene.Add(rows: 8, key: (ulong)(i % 10) + 1, tenant: _tenants[0]);
        for (int i = 0; i < 50; i++) scene.Add(rows: 8, key: 100, tenant: _tenants[1]);
        int rows = 0;
        for (int i = 0; i < 40; i++)
        {
            scene.Decide();
            rows += RowsOf(scene, _tenants[1]);
            scene.Apply();
        }

        Assert.Equal(20 * 8, rows);
    }

    // What a flood of others has waiting does not count against a tenant that has little.
    [Fact]
    public void Admit_BehindAFlood_IsPredictedByItsOwnShare()
    {
        FormerScene scene = Scene();
        Fill(scene, _tenants[0], 100, deadline: 3_000);

        Assert.Equal(RefusalReason.DeadlineBehindQueue, scene.Admit(new TestEntry { Deadline = 3_001, Priority = 1, Sequence = 1_000 }, now: 1_500));
        Assert.Equal(RefusalReason.None, scene.Admit(new TestEntry { Deadline = 3_001, Priority = 1, Tenant = _tenants[1], Sequence = 1_001 }, now: 1_500));
        Assert.Equal(RefusalReason.DeadlineBehindQueue, scene.Admit(new TestEntry { Deadline = 3_001, Priority = 1, Tenant = _tenants[0], Sequence = 1_002 }, now: 1_500));
    }

    private static FormerScene Scene() => new FormerScene(Policy, Policy.MakeFormer(TimeProvider.System)).WithLatencies();

    private static void Fill(FormerScene scene, Tenant tenant, int requests, int rows = 1, long deadline = QueueEntry.NoDeadline)
    {
        for (int i = 0; i < requests; i++) scene.Add(rows, tenant: tenant, deadline: deadline);
    }

    private static int RowsOf(FormerScene scene, Tenant tenant) => scene.TakenRows.Where(part => part.Entry.Tenant == tenant).Sum(part => part.Rows);
}
