using System.Security.Cryptography;
using System.Text;
using Gateway.Core.Scheduling;
using Gateway.Core.Tenants;
using Gateway.TestSupport;

namespace Gateway.UnitTests.Tenants;

public sealed class TenantDirectoryTests
{
    [Fact]
    public void Find_Configured_IsItselfByNameAndByKey()
    {
        TenantDirectory directory = Make(UnknownTenants.Share);

        Tenant acme = directory.Find("acme"u8)!;

        Assert.Equal(("acme", 3), (acme.Name, acme.Weight));
        Assert.Same(acme, directory.Find("acme".AsSpan()));
        Assert.Same(acme, directory.FindByKey("a key that nobody guesses"u8));
        Assert.Null(directory.FindByKey("a key that somebody guesses"u8));
        Assert.Null(directory.FindByKey(default));
        Assert.Null(directory.FindByKey(new byte[100_000]));
    }

    [Fact]
    public void Find_Unknown_IsTheDefaultsWhereItShares()
    {
        TenantDirectory directory = Make(UnknownTenants.Share);

        Assert.Same(directory.Unnamed, directory.Find("stranger"u8));
        Assert.Equal(TenantDirectory.DefaultName, directory.Unnamed!.Name);
        Assert.Same(directory.Unnamed, directory.Find("default"u8));
    }

    [Fact]
    public void Find_Unknown_IsNobodyWhereItIsRefused()
    {
        TenantDirectory directory = Make(UnknownTenants.Refuse);

        Assert.Null(directory.Find("stranger"u8));
        Assert.Null(directory.Unnamed);
        Assert.NotNull(directory.Find("acme"u8));
    }

    [Fact]
    public void Find_AMillionNames_MakesNoMoreTenantsThanTracked()
    {
        TenantDirectory directory = Make(UnknownTenants.Separate, mostTracked: 10);
        Span<byte> name = stackalloc byte[16];
        HashSet<Tenant> seen = [];
        for (int i = 0; i < 1000; i++) seen.Add(directory.Find(Name(i, name))!);

        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 1_000_000; i++) directory.Find(Name(i, name));
        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;

        // Ten of their own, and one for the rest.
        Assert.Equal(11, seen.Count);
        Assert.Equal(2 + 11, directory.All.Count);
        Assert.Equal(TenantDirectory.OthersName, directory.Find("tenant-999999"u8)!.Name);
        Assert.Equal("tenant-9", directory.Find("tenant-9"u8)!.Name);
        Assert.Equal(0, allocated);
        Assert.Equal(Enumerable.Range(0, 13), directory.All.Select(tenant => tenant.Index));
    }

    [Fact]
    public async Task Find_ManyThreadsNameTheSame_ItIsOneTenant()
    {
        TenantDirectory directory = Make(UnknownTenants.Separate, mostTracked: 100);

        Tenant[][] found = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(() => Enumerable.Range(0, 300).Select(i => directory.Find($"n{i}".AsSpan())!).ToArray())));

        for (int i = 0; i < 300; i++) Assert.Single(found.Select(each => each[i]).Where(tenant => tenant.Name != TenantDirectory.OthersName).Distinct().DefaultIfEmpty());
        Assert.Equal(2 + 101, directory.All.Count);
    }

    [Fact]
    public void Find_JunkNamesThatAreSilent_MakeRoomForAnHonestOne()
    {
        ManualTimeProvider time = new();
        TenantDirectory directory = Make(UnknownTenants.Separate, TenantDirectory.DefaultMostTracked, time, new TenantLimits { MaxConcurrency = 1 });
        for (int i = 0; i < TenantDirectory.DefaultMostTracked; i++) Assert.Equal($"junk{i}", directory.Find($"junk{i}".AsSpan())!.Name);
        Tenant kept = directory.Find("junk7".AsSpan())!;
        Assert.True(directory.TryEnter(ref kept, out _));
        Assert.Equal(TenantDirectory.OthersName, directory.Find("honest".AsSpan())!.Name);
        time.Advance(TenantDirectory.ForgottenAfter / 2);
        Assert.Equal("junk9", directory.Find("junk9".AsSpan())!.Name);
        Tenant lively = directory.Find("junk9".AsSpan())!;
        Assert.True(directory.TryEnter(ref lively, out _));
        lively.Leave();
        time.Advance((TenantDirectory.ForgottenAfter / 2) - TimeSpan.FromSeconds(1));
        Assert.Equal(TenantDirectory.OthersName, directory.Find("honest".AsSpan())!.Name);

        time.Advance(TimeSpan.FromSeconds(1));
        Tenant honest = directory.Find("honest".AsSpan())!;

        // Limits of its own, and a number that nobody else has.
        Assert.Equal("honest", honest.Name);
        Assert.Same(honest, directory.Find("honest".AsSpan()));
        Assert.True(directory.TryEnter(ref honest, out _));
        Assert.False(directory.TryEnter(ref honest, out TenantRefusal over));
        Assert.Equal(RefusalReason.TenantConcurrency, over.Reason);
        Assert.Equal(Enumerable.Range(0, directory.All.Count), directory.All.Select(tenant => tenant.Index));

        // Who holds one keeps it; all others go, and with them their metrics.
        for (int i = 0; i < TenantDirectory.DefaultMostTracked; i++) directory.Find($"more{i}".AsSpan());
        Assert.Same(kept, directory.Find("junk7".AsSpan()));
        Assert.Same(lively, directory.Find("junk9".AsSpan()));
        Assert.Equal(["junk7", "junk9"], directory.All.Select(tenant => tenant.Name).Where(name => name.StartsWith("junk", StringComparison.Ordinal)));
        Assert.Contains(honest, directory.All);
        Assert.Equal(2 + TenantDirectory.DefaultMostTracked + 1, directory.All.Count);
        Assert.Equal(TenantDirectory.OthersName, directory.Find("late".AsSpan())!.Name);
    }

    // A connection keeps whom it has found.
    [Fact]
    public void TryEnter_HasBeenLetGo_IsWhoHasTheNameNow()
    {
        ManualTimeProvider time = new();
        TenantDirectory directory = Make(UnknownTenants.Separate, 1, time);
        Tenant first = directory.Find("a".AsSpan())!;
        time.Advance(TenantDirectory.ForgottenAfter);
        Tenant other = directory.Find("b".AsSpan())!;
        Assert.Equal((first.Index, 0), (other.Index, first.InFlight));

        Tenant tenant = first;
        Assert.True(directory.TryEnter(ref tenant, out _));
        Assert.Equal(TenantDirectory.OthersName, tenant.Name);
        tenant.Leave();
        time.Advance(TenantDirectory.ForgottenAfter);
        tenant = first;
        Assert.True(directory.TryEnter(ref tenant, out _));

        Assert.Equal(("a", 1, 1), (tenant.Name, tenant.InFlight, tenant.Snapshot().Requests));
        Assert.NotSame(first, tenant);
        Assert.Same(tenant, directory.Find("a".AsSpan()));
    }

    // Silence does not pay a debt.
    [Fact]
    public void Find_SilentOneOwesItsRate_IsNotLetGo()
    {
        ManualTimeProvider time = new();
        TenantDirectory directory = Make(UnknownTenants.Separate, 1, time, new TenantLimits { RowsPerSecond = 1, RowBurst = 1 });
        Tenant debtor = directory.Find("debtor".AsSpan())!;
        debtor.DrawRows(3600);

        time.Advance(TenantDirectory.ForgottenAfter);
        Assert.Equal(TenantDirectory.OthersName, directory.Find("next".AsSpan())!.Name);
        Assert.Same(debtor, directory.Find("debtor".AsSpan()));
        time.Advance(TimeSpan.FromHours(1));
        Assert.Equal("next", directory.Find("next".AsSpan())!.Name);
    }

    [Fact]
    public async Task TryEnter_ManyThreadsWhileTenantsComeAndGo_NobodyIsLost()
    {
        ManualTimeProvider time = new();
        TenantDirectory directory = Make(UnknownTenants.Separate, 4, time);
        long entered = 0;

        await Task.WhenAll(Enumerable.Range(0, 4).Select(thread => Task.Run(() =>
        {
            Random random = new(thread);
            for (int i = 0; i < 20_000; i++)
            {
                if (thread == 0) time.Advance(TenantDirectory.ForgottenAfter / 3);
                string name = $"n{random.Next(8)}";
                Tenant tenant = directory.Find(name.AsSpan())!;
                Assert.True(directory.TryEnter(ref tenant, out _));
                Assert.True(tenant.Name == name || tenant.Name == TenantDirectory.OthersName);

                // Nobody has its number while it is here.
                Assert.Same(tenant, directory.All[tenant.Index]);
                tenant.Leave();
                Interlocked.Increment(ref entered);
            }
        })));

        Assert.Equal(80_000, entered);
        Assert.All(directory.All, tenant => Assert.Equal(0, tenant.InFlight));
        Assert.InRange(directory.All.Count, 6, 7);
    }

    [Theory]
    [InlineData("", false)]
    [InlineData("a", true)]
    [InlineData("team/a:b@c", true)]
    [InlineData("a b", false)]
    [InlineData("a\t", false)]
    [InlineData("é", false)]
    [InlineData("租户", false)]
    [InlineData("a\u007f", false)]
    public void IsValid_VisibleAsciiAlone(string name, bool isValid)
    {
        Assert.Equal(isValid, TenantName.IsValid(name));
        Assert.Equal(isValid, TenantName.IsValid(Encoding.UTF8.GetBytes(name)));
    }

    [Theory]
    [InlineData(128, true)]
    [InlineData(129, false)]
    [InlineData(10_000_000, false)]
    public void IsValid_IsBounded(int length, bool isValid) => Assert.Equal(isValid, TenantName.IsValid(new string('a', length)));

    private static ReadOnlySpan<byte> Name(int number, Span<byte> name)
    {
        "tenant-"u8.CopyTo(name);
        System.Buffers.Text.Utf8Formatter.TryFormat(number, name[7..], out int digits);
        return name[..(7 + digits)];
    }

    private static TenantDirectory Make(UnknownTenants unknown, int mostTracked = 4, TimeProvider? time = null, TenantLimits? defaults = null) => new(
        [new TenantSetup("acme", new TenantLimits { Weight = 3 }, [SHA256.HashData("a key that nobody guesses"u8)])],
        defaults ?? new TenantLimits(),
        unknown,
        mostTracked,
        time ?? TimeProvider.System);
}
