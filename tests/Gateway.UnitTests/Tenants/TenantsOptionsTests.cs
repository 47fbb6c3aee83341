using Gateway.Core.Tenants;
using Gateway.Server.Hosting;
using Microsoft.Extensions.Configuration;

namespace Gateway.UnitTests.Tenants;

public sealed class TenantsOptionsTests
{
    private const string Key = "0123456789abcdef";

    [Fact]
    public void Read_NoSection_ThereAreNoTenants() => Assert.Null(Read([]).Options.Tenants);

    [Fact]
    public void Read_EverySetting()
    {
        (ServerOptions options, IReadOnlyList<string> errors) = Read(new()
        {
            ["TrustNames"] = "true",
            ["Unknown"] = "Separate",
            ["MaxTracked"] = "7",
            ["Default:MaxRequestsPerSecond"] = "2.5",
            ["Named:acme:Weight"] = "4",
            ["Named:acme:MaxConcurrency"] = "64",
            ["Named:acme:MaxRequestsPerSecond"] = "500",
            ["Named:acme:RequestBurst"] = "50",
            ["Named:acme:MaxRowsPerSecond"] = "1e4",
            ["Named:acme:RowBurst"] = "100",
            ["Named:acme:ApiKeys:0"] = Key,
            ["Named:acme:ApiKeys:1"] = "sha256:" + Convert.ToHexString(System.Security.Cryptography.SHA256.HashData("the second of two"u8)),
        });

        Assert.Empty(errors);
        TenantDirectory directory = options.Tenants!.ToDirectory(TimeProvider.System);
        Tenant acme = directory.Find("acme"u8)!;
        Assert.Equal(new TenantLimits { Weight = 4, MaxConcurrency = 64, RequestsPerSecond = 500, RequestBurst = 50, RowsPerSecond = 10_000, RowBurst = 100 }, acme.Limits);
        Assert.Same(acme, directory.FindByKey("0123456789abcdef"u8));
        Assert.Same(acme, directory.FindByKey("the second of two"u8));
        Assert.Equal(("other", 2.5), (directory.Find("other"u8)!.Name, directory.Find("other"u8)!.Limits.RequestsPerSecond));
    }

    [Theory]
    [InlineData("Named:acme:Weight", "0", "Gateway:Tenants:Named:acme:Weight: 0 is not valid (allowed 0.001 to 1000)")]
    [InlineData("Named:acme:Weight", "NaN", "Gateway:Tenants:Named:acme:Weight: NaN is not valid (allowed 0.001 to 1000)")]
    [InlineData("Named:acme:MaxConcurrency", "0", "Gateway:Tenants:Named:acme:MaxConcurrency: 0 is not valid (allowed 1 or more)")]
    [InlineData("Named:acme:MaxRequestsPerSecond", "-1", "Gateway:Tenants:Named:acme:MaxRequestsPerSecond: -1 is not valid (allowed above 0, at most 1000000)")]
    [InlineData("Default:RowBurst", "5", "Gateway:Tenants:Default:RowBurst: there is no rate that it belongs to (see MaxRowsPerSecond)")]
    [InlineData("Default:ApiKeys:0", Key, "Gateway:Tenants:Default:ApiKeys: the default tenant is for requests without a key (give the key to a tenant in Named)")]
    [InlineData("MaxTracked", "0", "Gateway:Tenants:MaxTracked: 0 is not valid (allowed 1 to 65536)")]
    [InlineData("Named:acme:ApiKeys:0", "short", "Gateway:Tenants:Named:acme:ApiKeys:0: is no key (allowed 16 to 512 bytes, or sha256: and 64 hexadecimal digits)")]
    [InlineData("Named:acme:ApiKeys:0", "sha256:12", "Gateway:Tenants:Named:acme:ApiKeys:0: is no key (allowed 16 to 512 bytes, or sha256: and 64 hexadecimal digits)")]
    [InlineData("Named:two:ApiKeys:0", Key, "Gateway:Tenants:Named:two:ApiKeys:0: is the key of Named:one:ApiKeys:0 too")]
    [InlineData("Named:a b:Weight", "1", "Gateway:Tenants:Named:a b: is no name (allowed 1 to 128 visible ASCII characters)")]
    [InlineData("Named:default:Weight", "1", "Gateway:Tenants:Named:default: the name has a meaning of its own (see Gateway:Tenants:Default)")]
    public void Read_BadSetting_IsNamedWithWhatIsAllowed(string key, string value, string expected)
    {
        Dictionary<string, string?> settings = new() { ["TrustNames"] = "true", [key] = value };
        if (key.StartsWith("Named:two", StringComparison.Ordinal)) settings["Named:one:ApiKeys:0"] = Key;

        Assert.Equal([expected], Read(settings).Errors);
    }

    [Theory]
    [InlineData("Named:acme:Wieght", "2", "Wieght")]
    [InlineData("Trust", "true", "Trust")]
    [InlineData("Named:acme:Weight", "heavy", "Gateway:Tenants:Named:acme:Weight")]
    [InlineData("Unknown", "Forget", "Gateway:Tenants:Unknown")]
    public void Read_MisspeltSetting_IsNamed(string key, string value, string named)
    {
        string error = Assert.Single(Read(new() { ["TrustNames"] = "true", [key] = value }).Errors);

        Assert.StartsWith("Gateway:Tenants: ", error, StringComparison.Ordinal);
        Assert.Contains(named, error, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_TenantThatNobodyCouldBe_IsSaid()
    {
        Assert.Equal(["Gateway:Tenants:Named:acme: no request could be its own: it has no ApiKeys, and TrustNames is off"], Read(new() { ["Named:acme:Weight"] = "2" }).Errors);
        Assert.Equal(["Gateway:Tenants:Unknown: Refuse would refuse everybody: no tenant is configured (see Named)"], Read(new() { ["Unknown"] = "Refuse" }).Errors);
    }

    [Fact]
    public void Read_ProblemWithAKey_DoesNotShowIt()
    {
        IReadOnlyList<string> errors = Read(new() { ["Named:a:ApiKeys:0"] = "secret", ["Named:b:ApiKeys:0"] = "a secret of 2 tenants", ["Named:c:ApiKeys:0"] = "a secret of 2 tenants" }).Errors;

        Assert.Equal(2, errors.Count);
        Assert.DoesNotContain(errors, error => error.Contains("secret", StringComparison.Ordinal));
    }

    private static (ServerOptions Options, IReadOnlyList<string> Errors) Read(Dictionary<string, string?> tenants)
    {
        Dictionary<string, string?> settings = tenants.ToDictionary(each => $"Gateway:Tenants:{each.Key}", each => each.Value);
        ServerOptions options = SettingsReader.Read(new ConfigurationBuilder().AddInMemoryCollection(settings).Build(), new Dictionary<Setting, IReadOnlyList<string>>(), out IReadOnlyList<string> errors);
        return (options, errors);
    }
}
