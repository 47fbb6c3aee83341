using Gateway.Server.Proxy.Configuration;
using Yarp.ReverseProxy.Configuration;

namespace Gateway.UnitTests.Proxy;

public sealed class ProxySettingsTests : IDisposable
{
    private const string Cluster = """ "Clusters": { "c": { "Destinations": { "d": { "Address": "http://10.0.0.1" } } } } """;

    private readonly string _folder = Directory.CreateTempSubdirectory("gateway").FullName;

    /// <summary>A file's text, and what is said of it.</summary>
    public static TheoryData<string, string> Mistakes => new()
    {
        { "{", "Expected depth to be zero" },
        { """{ "Routes": {} }""", "Routes: unknown (allowed ReverseProxy, Gateway)" },
        { """{ "Gateway": { "HttpPort": 1 } }""", "Gateway:HttpPort: does not belong here (allowed Proxy, RateLimits, Resilience, Dns; other settings: appsettings.json)" },
        { """{ "ReverseProxy": { "Route": {} , "x": 1 } }""", "ReverseProxy:x: unknown (allowed Routes, Clusters)" },
        { Route(""" "ClusterId": "c", "Match": { "Path": "/a", "Metod": "GET" } """), "ReverseProxy:Routes:r: 'ErrorOnUnknownConfiguration' was set" },
        { Route(""" "ClusterId": "other", "Match": { "Path": "/a" } """), "ReverseProxy:Routes:r:ClusterId: there is no cluster 'other'" },
        { Route(""" "Match": { "Path": "/a" } """), "ReverseProxy:Routes:r: names neither a ClusterId nor, in its Metadata, a Model" },
        { Route(""" "ClusterId": "c", "Match": { "Path": "/v2/models/{**rest}" } """), "ReverseProxy:Routes:r:Match:Path: '/v2/models/{**rest}' is the inference protocol's" },
        { Route(""" "ClusterId": "c", "Match": { "Path": "V2" } """), "ReverseProxy:Routes:r:Match:Path: 'V2' is the inference protocol's" },
        { Route(""" "ClusterId": "c" """), "ReverseProxy:Routes:r: Route 'r' did not set any match criteria" },
        { Route(""" "ClusterId": "c", "Match": { "Path": "/{a" } """), "ReverseProxy:Routes:r: Invalid path '/{a' for route 'r'" },
        { Route(""" "ClusterId": "c", "Match": { "Path": "/a" }, "CorsPolicy": "x" """), "ReverseProxy:Routes:r:CorsPolicy: 'x' is not supported" },
        { Route(""" "ClusterId": "c", "Match": { "Path": "/a" }, "OutputCachePolicy": "x" """), "ReverseProxy:Routes:r:OutputCachePolicy: 'x' is not supported" },
        { Route(""" "ClusterId": "c", "Match": { "Path": "/a" }, "AuthorizationPolicy": "x" """), "ReverseProxy:Routes:r:AuthorizationPolicy: there is no 'x' (allowed anonymous, default)" },
        { Route(""" "ClusterId": "c", "Match": { "Path": "/a" }, "AuthorizationPolicy": "default" """), "ReverseProxy:Routes:r:AuthorizationPolicy: 'default' asks for the access token" },
        { Route(""" "ClusterId": "c", "Match": { "Path": "/a" }, "RateLimiterPolicy": "x" """), "ReverseProxy:Routes:r:RateLimiterPolicy: there is no Gateway:RateLimits:x" },
        { Route(""" "ClusterId": "c", "Match": { "Path": "/a" }, "TimeoutPolicy": "x" """), "ReverseProxy:Routes:r:TimeoutPolicy: there is no 'x' (allowed Disable" },
        { Route(""" "ClusterId": "c", "Match": { "Path": "/a" }, "MaxRequestBodySize": -2 """), "ReverseProxy:Routes:r:MaxRequestBodySize: -2 is not valid" },
        { Route(""" "ClusterId": "c", "Match": { "Path": "/a" }, "Transforms": [ { "PathPrefx": "/x" } ] """), "ReverseProxy:Routes:r: Unknown transform: PathPrefx" },
        { Route(""" "ClusterId": "c", "Match": { "Path": "/a" }, "Metadata": { "MaxResponseByte": "1" } """), "ReverseProxy:Routes:r:Metadata:MaxResponseByte: unknown (allowed Model," },
        { Route(""" "ClusterId": "c", "Match": { "Path": "/a" }, "Metadata": { "MaxResponseBytes": "1 MB" } """), "ReverseProxy:Routes:r:Metadata:MaxResponseBytes: '1 MB' is not valid" },
        { Route(""" "Match": { "Path": "/a" }, "Metadata": { "Model": "m", "Protocol": "torchserve" } """), "ReverseProxy:Routes:r:Metadata:Protocol: 'torchserve' is not served (allowed oip, msgpack, tensorflow)" },
        { Route(""" "Match": { "Path": "/a" }, "Metadata": { "Model": "m", "Version": "0" } """), "ReverseProxy:Routes:r:Metadata:Version: '0' is not valid" },
        { Route(""" "ClusterId": "c", "Match": { "Path": "/a" }, "Metadata": { "Protocol": "oip" } """), "ReverseProxy:Routes:r:Metadata: a Version or Protocol without a Model" },
        { Route(""" "ClusterId": "c", "Match": { "Path": "/a" }, "Metadata": { "BeforeInference": "yes" } """), "ReverseProxy:Routes:r:Metadata:BeforeInference: 'yes' is not valid (allowed true, false)" },
        { Clusters(""" "SessionAffinity": { "Enabled": true, "Policy": "HashCookie", "AffinityKeyName": "k" } """), "ReverseProxy:Clusters:c:SessionAffinity:Policy: 'HashCookie' is not supported (allowed Cookie, ArrCookie, CustomHeader)" },
        { Clusters(""" "SessionAffinity": { "Enabled": true, "AffinityKeyName": "k" } """), "ReverseProxy:Clusters:c:SessionAffinity:Policy: 'HashCookie', the default, is not supported" },
        { Clusters(""" "Destinations": { "d": { "Address": "10.0.0.1:8000" } } """), "ReverseProxy:Clusters:c:Destinations:d:Address: '10.0.0.1:8000' is not valid" },
        { Clusters(""" "Destinations": { "d": { } , "e": { "Health": "http://a" } } """), "ReverseProxy:Clusters:c:Destinations:e:Address: is missing" },
        { Clusters(""" "LoadBalancingPolicy": "Best" """), "ReverseProxy:Clusters:c: No matching ILoadBalancingPolicy found for the load balancing policy 'Best'" },
        { Clusters(""" "HttpRequest": { "ActivityTimeout": "soon" } """), "ReverseProxy:Clusters:c: Failed to convert configuration value 'soon'" },
        { Own(""" "RateLimits": { "p": { "Queue": 1 } } """), "Gateway:RateLimits:p: limits nothing (set Requests or Concurrency)" },
        { Own(""" "RateLimits": { "p": { "Requests": 0 } } """), "Gateway:RateLimits:p:Requests: 0 is not valid (allowed 1 to 1000000)" },
        { Own(""" "RateLimits": { "p": { "Requests": 5, "Burst": 2 } } """), "Gateway:RateLimits:p:Burst: 2 is not valid (allowed 5 to 1000000)" },
        { Own(""" "RateLimits": { "p": { "Requests": 5, "Queue": 2 } } """), "Gateway:RateLimits:p:Queue: there is no Concurrency to wait for" },
        { Own(""" "Resilience": { "other": { "ConnectTimeout": "00:00:01" } } """), "Gateway:Resilience:other: there is no such cluster" },
        { Own(""" "Resilience": { "c": { "Retry": { "MaxRetries": 11 } } } """), "Gateway:Resilience:c:Retry:MaxRetries: 11 is not valid (allowed 1 to 10)" },
        { Own(""" "Resilience": { "c": { "Retry": { "Budget": 0 } } } """), "Gateway:Resilience:c:Retry:Budget: 0 is not valid" },
        { Own(""" "Resilience": { "c": { "CircuitBreaker": { "FailureRatio": 1.5 } } } """), "Gateway:Resilience:c:CircuitBreaker:FailureRatio: 1.5 is not valid" },
        { Own(""" "Resilience": { "c": { "CircuitBreaker": { "MinimumThroughput": 1 } } } """), "Gateway:Resilience:c:CircuitBreaker:MinimumThroughput: 1 is not valid" },
        { Own(""" "Resilience": { "c": { "FirstByteTimeout": "00:00:00" } } """), "Gateway:Resilience:c:FirstByteTimeout: 00:00:00 is not valid" },
        { Own(""" "Dns": { "NameServers": [ "5" ] } """), "Gateway:Dns:NameServers: '5' is not valid (allowed an address, or address:port)" },
        { Own(""" "Dns": { "MinimumTtl": "00:01:00", "MaximumTtl": "00:00:30" } """), "Gateway:Dns:MaximumTtl: 00:00:30 is not valid (allowed 00:01:00 to" },
        { Own(""" "Proxy": { "MaxRequestBytes": 0 } """), "Gateway:Proxy:MaxRequestBytes: 0 is not valid" },
        { Own(""" "Proxy": { "Timeouts": "00:00:01" } """), "Gateway:Proxy: 'ErrorOnUnknownConfiguration' was set" },
    };

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [MemberData(nameof(Mistakes))]
    public void Read_Mistake_IsNamedWithItsPlace(string text, string problem)
    {
        List<string> problems = [];
        ProxySettings? settings = Read(text, problems);
        if (problems.Count == 0) problems.AddRange(ProxyCheck.Problems(settings!));

        Assert.Contains(problems, each => each.Contains(problem, StringComparison.Ordinal));
    }

    [Fact]
    public void Read_EverythingYarpHas_IsThere()
    {
        List<string> problems = [];

        ProxySettings settings = Read(
            """
            { "ReverseProxy": {
              "Routes": { "r": { "ClusterId": "c", "Order": 3, "Timeout": "00:00:05", "MaxRequestBodySize": 10, "AuthorizationPolicy": "anonymous", "RateLimiterPolicy": "p",
                "Match": { "Path": "/a/{**rest}", "Hosts": [ "h" ], "Methods": [ "GET" ], "Headers": [ { "Name": "n", "Values": [ "v" ], "Mode": "HeaderPrefix" } ], "QueryParameters": [ { "Name": "q", "Mode": "Exists" } ] },
                "Transforms": [ { "PathRemovePrefix": "/a" }, { "RequestHeader": "a", "Set": "b" } ], "Metadata": { "x-mine": "1" } } },
              "Clusters": { "c": { "LoadBalancingPolicy": "RoundRobin", "SessionAffinity": { "Enabled": true, "Policy": "Cookie", "AffinityKeyName": "k", "Cookie": { "SameSite": "Lax" } },
                "HealthCheck": { "Active": { "Enabled": true, "Interval": "00:00:10", "Path": "/health" }, "Passive": { "Enabled": true } },
                "HttpClient": { "SslProtocols": [ "Tls12", "Tls13" ], "MaxConnectionsPerServer": 7 }, "HttpRequest": { "Version": "2", "VersionPolicy": "RequestVersionExact" },
                "Destinations": { "d": { "Address": "http://10.0.0.1", "Health": "http://10.0.0.1:9000" } } } } },
              "Gateway": { "RateLimits": { "p": { "Requests": 5, "Concurrency": 2, "Queue": 1 } }, "Resilience": { "c": { "ConnectTimeout": "00:00:01", "Retry": {}, "CircuitBreaker": {} } } } }
            """,
            problems)!;

        Assert.Empty(problems);
        Assert.Empty(ProxyCheck.Problems(settings));
        RouteConfig route = Assert.Single(settings.Routes);
        Assert.Equal((3, TimeSpan.FromSeconds(5), 10L, "p"), (route.Order!.Value, route.Timeout!.Value, route.MaxRequestBodySize!.Value, route.RateLimiterPolicy));
        Assert.Equal(HeaderMatchMode.HeaderPrefix, Assert.Single(route.Match.Headers!).Mode);
        Assert.Equal("b", route.Transforms![1]["Set"]);
        ClusterConfig cluster = Assert.Single(settings.Clusters);
        Assert.Equal(System.Security.Authentication.SslProtocols.Tls12 | System.Security.Authentication.SslProtocols.Tls13, cluster.HttpClient!.SslProtocols);
        Assert.Equal(new Version(2, 0), cluster.HttpRequest!.Version);
        Assert.Equal(TimeSpan.FromSeconds(10), cluster.HealthCheck!.Active!.Interval);
        Assert.Equal("http://10.0.0.1:9000", cluster.Destinations!["d"].Health);
        Assert.NotNull(settings.Resilience["c"].Retry);
    }

    [Fact]
    public void Read_Defaults_AreThoseOfRouteThenClusterThenServer()
    {
        ProxySettings settings = Read(
            """
            { "ReverseProxy": {
              "Routes": { "own": { "ClusterId": "c", "Timeout": "00:00:01", "MaxRequestBodySize": 1, "Match": { "Path": "/1" } }, "clusters": { "ClusterId": "c", "Match": { "Path": "/2" } },
                "servers": { "ClusterId": "e", "Match": { "Path": "/3" } }, "none": { "ClusterId": "e", "TimeoutPolicy": "Disable", "Match": { "Path": "/4" } } },
              "Clusters": { "c": {}, "e": {} } },
              "Gateway": { "Proxy": { "Timeout": "00:00:03", "MaxRequestBytes": 9 }, "Resilience": { "c": { "TotalTimeout": "00:00:02" } } } }
            """,
            [])!;

        Dictionary<string, RouteConfig> routes = settings.Routes.ToDictionary(route => route.RouteId);
        Assert.Equal((1, 2, 3), (routes["own"].Timeout!.Value.Seconds, routes["clusters"].Timeout!.Value.Seconds, routes["servers"].Timeout!.Value.Seconds));
        Assert.Null(routes["none"].Timeout);
        Assert.Equal((1L, 9L), (routes["own"].MaxRequestBodySize!.Value, routes["servers"].MaxRequestBodySize!.Value));
    }

    [Fact]
    public void Read_TwoFiles_SecondWinsValueByValue()
    {
        string first = Path.Combine(_folder, "appsettings.json");
        File.WriteAllText(first, """{ "Logging": { "a": 1 }, "Gateway": { "HttpPort": 1 }, "ReverseProxy": { "Routes": { "a": { "ClusterId": "c", "Order": 1, "Match": { "Path": "/a" } } }, "Clusters": { "c": {} } } }""");
        List<string> problems = [];

        ProxySettings settings = Read("""{ "ReverseProxy": { "Routes": { "a": { "Order": 2 }, "b": { "ClusterId": "c", "Match": { "Path": "/b" } } } } }""", problems)!;

        Assert.Empty(problems);
        Assert.Equal([("a", "/a", (int?)2), ("b", "/b", null)], settings.Routes.Select(route => (route.RouteId, route.Match.Path, route.Order)));
    }

    [Theory]
    [InlineData("existing-api.json")]
    [InlineData("moved-route.json")]
    [InlineData("discovery.json")]
    public void Read_SampleFile_IsGood(string name)
    {
        List<string> problems = [];

        ProxySettings settings = ProxySettingsReader.Read(ProxySettingsReader.Files(_folder, Path.Combine(AppContext.BaseDirectory, "config", "proxy", name)), asksForToken: false, problems)!;

        Assert.Empty(problems);
        Assert.Empty(ProxyCheck.Problems(settings));
        Assert.NotEmpty(settings.Routes);
    }

    [Fact]
    public void Read_NothingAnywhere_IsNoProxy() => Assert.Null(ProxySettingsReader.Read(ProxySettingsReader.Files(_folder, null), asksForToken: false, []));

    [Fact]
    public void Read_FileThatIsNotThere_IsAProblem()
    {
        List<string> problems = [];

        ProxySettingsReader.Read(ProxySettingsReader.Files(_folder, Path.Combine(_folder, "none.json")), asksForToken: false, problems);

        Assert.Contains("none.json", Assert.Single(problems), StringComparison.Ordinal);
    }

    [Fact]
    public void Read_RouteUnderV2BeforeInference_IsGood()
    {
        List<string> problems = [];

        Read(Route(""" "ClusterId": "c", "Match": { "Path": "/v2/old/{**rest}" }, "Metadata": { "BeforeInference": "true" } """), problems);

        Assert.Empty(problems);
    }

    [Fact]
    public void Read_AnyText_IsReadOrRefused()
    {
        const int Seed = 20261128;
        Random random = new(Seed);
        string good = Route(""" "ClusterId": "c", "Match": { "Path": "/a", "Hosts": [ "h" ] }, "Transforms": [ { "PathSet": "/x" } ], "Metadata": { "Model": "m", "Version": "1" } """);
        for (int i = 0; i < 1000; i++)
        {
            char[] text = good.ToCharArray();
            for (int change = random.Next(1, 4); change > 0; change--) text[random.Next(text.Length)] = (char)random.Next(' ', 127);
            List<string> problems = [];
            ProxySettings? settings = Read(new string(text), problems);
            if (problems.Count == 0 && i % 20 == 0) ProxyCheck.Problems(settings!);
        }
    }

    private static string Route(string route) => $$"""{ "ReverseProxy": { "Routes": { "r": { {{route}} } }, {{Cluster}} } }""";

    private static string Clusters(string cluster) => $$"""{ "ReverseProxy": { "Clusters": { "c": { {{cluster}} } } } }""";

    private static string Own(string sections) => $$"""{ "ReverseProxy": { {{Cluster}} }, "Gateway": { {{sections}} } }""";

    private ProxySettings? Read(string text, List<string> problems)
    {
        string path = Path.Combine(_folder, "proxy.json");
        File.WriteAllText(path, text);
        return ProxySettingsReader.Read(ProxySettingsReader.Files(_folder, path), asksForToken: false, problems);
    }
}
