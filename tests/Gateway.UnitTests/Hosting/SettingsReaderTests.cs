using System.Net;
using Gateway.Server.Hosting;
using Microsoft.Extensions.Configuration;

namespace Gateway.UnitTests.Hosting;

public sealed class SettingsReaderTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("settings").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Read_NothingGiven_IsTheDefaults()
    {
        ServerOptions options = Read([], [], out IReadOnlyList<string> errors);

        Assert.Empty(errors);
        Assert.Equivalent(new ServerOptions(), options);
    }

    [Fact]
    public void Read_FlagAndFile_FlagWins()
    {
        ServerOptions options = Read(new() { ["Gateway:HttpPort"] = "1", ["Gateway:MetricsPort"] = "2" }, new() { ["--http-port"] = ["3"] }, out _);

        Assert.Equal((3, 2), (options.HttpPort, options.MetricsPort));
    }

    [Fact]
    public void Read_ListInTwoSources_IsTakenWholeFromOne()
    {
        Dictionary<string, string?> file = new() { ["Gateway:ModelRepository:0"] = "a", ["Gateway:ModelRepository:1"] = "b" };

        Assert.Equal(["a", "b"], Read(file, [], out _).ModelRepository);
        Assert.Equal(["c"], Read(file, new() { ["--model-repository"] = ["c"] }, out _).ModelRepository);
    }

    [Fact]
    public void Read_NameOfTwoWords_IsAsTritonSpellsIt()
    {
        ServerOptions options = Read([], new() { ["--rate-limit"] = ["execution_count"] }, out IReadOnlyList<string> errors);

        Assert.Empty(errors);
        Assert.Equal(RateLimitMode.ExecutionCount, options.RateLimit);
    }

    [Theory]
    [InlineData("--gpu-memory-limit-byte-size", "1G", "--gpu-memory-limit-byte-size: '1G' is not valid (allowed BYTES, DEVICE:BYTES)")]
    [InlineData("--rate-limit", "sometimes", "--rate-limit: 'sometimes' is not valid (allowed off, execution_count)")]
    [InlineData("--rate-limit-resource", "R1", "--rate-limit-resource: 'R1' is not valid (allowed NAME:COUNT, NAME:COUNT:DEVICE)")]
    [InlineData("--http-port", "65536", "--http-port: '65536' is not valid (allowed 0 to 65535)")]
    [InlineData("--http-port", "-1", "--http-port: '-1' is not valid (allowed 0 to 65535)")]
    [InlineData("--http-port", "80x", "--http-port: '80x' is not valid (allowed 0 to 65535)")]
    [InlineData("--http-port", "99999999999999999999", "--http-port: '99999999999999999999' is not valid (allowed 0 to 65535)")]
    [InlineData("--http-address", "8000", "--http-address: '8000' is not valid (allowed an IPv4 or IPv6 address, localhost)")]
    [InlineData("--http-address", "example.org", "--http-address: 'example.org' is not valid (allowed an IPv4 or IPv6 address, localhost)")]
    [InlineData("--strict-readiness", "yes", "--strict-readiness: 'yes' is not valid (allowed true, false)")]
    [InlineData("--log-format", "1", "--log-format: '1' is not valid (allowed default, iso8601, json)")]
    [InlineData("--http-max-input-size", "0", "--http-max-input-size: '0' is not valid (allowed 1 to 1073741824)")]
    [InlineData("--model-repository", " ", "--model-repository: ' ' is not valid (allowed a text that is not empty)")]
    [InlineData("--grpc-port", "8000", "--grpc-port: 8000 is the HTTP port too (allowed another, or 0)")]
    [InlineData("--grpc-port", "8003", "--grpc-port: 8003 is the port for frames too (allowed another, or 0)")]
    [InlineData("--grpc-port", "8002", "--grpc-port: 8002 is the port for metrics too (allowed another, or 0)")]
    [InlineData("--grpc-infer-response-compression-level", "some", "--grpc-infer-response-compression-level: 'some' is not valid (allowed none, low, medium, high)")]
    [InlineData("--http-restricted-api", "metadata", "--http-restricted-api: expected GROUP[,GROUP...]:HEADER=VALUE")]
    [InlineData("--grpc-use-ssl", "true", "--grpc-use-ssl: there is no certificate (see --grpc-server-cert)")]
    [InlineData("--grpc-server-cert", "a.pem", "--grpc-server-cert: needs --grpc-use-ssl=true")]
    [InlineData("--grpc-server-key", "a.pem", "--grpc-server-key: there is no certificate that it belongs to (see --grpc-server-cert)")]
    [InlineData("--trace-config", "level=TIMESTAMPS", "--trace-config: trace file name is not given")]
    [InlineData("--trace-config", "level=TENSORS", "--trace-config: 'level=TENSORS' is not served (allowed level=TIMESTAMPS or OFF, rate=N, count=N, log-frequency=N, file=PATH, mode=triton)")]
    [InlineData("--trace-config", "opentelemetry,url=x", "--trace-config: 'opentelemetry,url=x' is not served (allowed level=TIMESTAMPS or OFF, rate=N, count=N, log-frequency=N, file=PATH, mode=triton)")]
    [InlineData("--trace-config", "triton,count=-2", "--trace-config: 'triton,count=-2' is not served (allowed level=TIMESTAMPS or OFF, rate=N, count=N, log-frequency=N, file=PATH, mode=triton)")]
    [InlineData("--trace-config", "rate", "--trace-config: 'rate' is not SETTING=VALUE or triton,SETTING=VALUE")]
    [InlineData("--allow-load-override", "true", "--allow-load-override: needs --model-control-mode=explicit (in other modes nothing is loaded on request)")]
    [InlineData("--frames-port", "8000", "--frames-port: 8000 is the HTTP port too (allowed another, or 0)")]
    [InlineData("--frames-port", "8002", "--metrics-port: 8002 is the port for frames too (allowed another, or 0)")]
    [InlineData("--load-model", "m", "--load-model: needs --model-control-mode=explicit (in other modes every model is loaded)")]
    [InlineData("--metrics-port", "8000", "--metrics-port: 8000 is the HTTP port too (allowed another, or 0)")]
    public void Read_BadValue_SaysWhatIsAllowed(string flag, string text, string expected)
    {
        Read([], new() { [flag] = [text] }, out IReadOnlyList<string> errors);

        Assert.Equal([expected], errors);
    }

    [Fact]
    public void Read_SeveralMistakes_NamesThemAll()
    {
        Read(new() { ["Gateway:HtpPort"] = "1" }, new() { ["--http-port"] = ["a"], ["--metrics-port"] = ["1", "2"] }, out IReadOnlyList<string> errors);

        Assert.Equal(
            ["Gateway:HtpPort: unknown setting (see gateway --help)", "--http-port: 'a' is not valid (allowed 0 to 65535)", "--metrics-port: is given more than once"],
            errors);
    }

    [Theory]
    [InlineData("1", true)]
    [InlineData("TRUE", true)]
    [InlineData("0", false)]
    [InlineData("False", false)]
    public void Read_Switch_TakesTritonsSpellings(string text, bool expected)
    {
        ServerOptions options = Read([], new() { ["--server-timing"] = [text] }, out IReadOnlyList<string> errors);

        Assert.Empty(errors);
        Assert.Equal(expected, options.ServerTiming);
    }

    [Fact]
    public void Read_EachKindOfValue_IsSet()
    {
        ServerOptions options = Read(
            [],
            new() { ["--http-address"] = ["[::1]"], ["--metrics-address"] = ["localhost"], ["--exit-timeout-secs"] = ["5"], ["--log-format"] = ["JSON"], ["--pinned-memory-pool-byte-size"] = ["268435456"] },
            out IReadOnlyList<string> errors);

        Assert.Empty(errors);
        Assert.Equal(IPAddress.IPv6Loopback, options.HttpAddress);
        Assert.Equal(IPAddress.Loopback, options.MetricsAddress);
        Assert.Equal(TimeSpan.FromSeconds(5), options.ExitTimeoutSecs);
        Assert.Equal(LogFormat.Json, options.LogFormat);
        Assert.Equal(256L << 20, options.PinnedMemoryPoolByteSize);
    }

    [Fact]
    public void Read_FileWithAMistake_NamesTheFile()
    {
        File.WriteAllText(Path.Combine(_folder, "appsettings.json"), """{ "Gateway": { "HttpPort": "x", "Foo": 1 } }""");

        SettingsReader.Read(_folder, new Dictionary<Setting, IReadOnlyList<string>>(), out IReadOnlyList<string> errors);

        Assert.Equal(["appsettings.json: Gateway:Foo: unknown setting (see gateway --help)", "appsettings.json: Gateway:HttpPort: 'x' is not valid (allowed 0 to 65535)"], errors);
    }

    [Fact]
    public void Read_FileThatIsNotJson_IsOneLine()
    {
        File.WriteAllText(Path.Combine(_folder, "appsettings.json"), "{ nonsense");

        SettingsReader.Read(_folder, new Dictionary<Setting, IReadOnlyList<string>>(), out IReadOnlyList<string> errors);

        string error = Assert.Single(errors);
        Assert.StartsWith(Path.Combine(_folder, "appsettings.json") + ": ", error, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error);
    }

    [Fact]
    public void All_DefaultsAndFlags_AreConsistent()
    {
        Assert.Equal(Setting.All.Count, Setting.All.Select(setting => setting.Flag).Distinct().Count());
        Assert.All(Setting.All.Where(setting => setting.Default.Length > 0), setting => Assert.Null(setting.TrySet(new ServerOptions(), [setting.Default])));
    }

    private static ServerOptions Read(Dictionary<string, string?> file, Dictionary<string, string[]> flags, out IReadOnlyList<string> errors) =>
        SettingsReader.Read(
            new ConfigurationBuilder().AddInMemoryCollection(file).Build(),
            flags.ToDictionary(flag => Setting.All.Single(setting => setting.Flag == flag.Key), flag => (IReadOnlyList<string>)flag.Value),
            out errors);
}
