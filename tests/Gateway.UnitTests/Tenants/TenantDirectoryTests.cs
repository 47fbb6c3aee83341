using System.Security.Cryptography;
using System.Text;
using Gateway.Core.Tenants;

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

    private static TenantDirectory Make(UnknownTenants unknown, int mostTracked = 4) => new(
        [new TenantSetup("acme", new TenantLimits { Weight = 3 }, [SHA256.HashData("a key that nobody guesses"u8)])],
        new TenantLimits(),
        unknown,
        mostTracked,
        TimeProvider.System);
}
