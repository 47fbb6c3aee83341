using System.Net;
using System.Net.Sockets;

namespace Gateway.IntegrationTests.Program;

/// <summary>What a user sees of the program that does not come to serve.</summary>
public sealed class CommandLineTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("gateway").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Version_Always_IsPrinted()
    {
        (int code, string output, string error) = await RunAsync("--version");

        Assert.Equal(0, code);
        Assert.Matches(@"^\d+\.\d+\.\d+", output);
        Assert.Empty(error);
    }

    [Fact]
    public async Task Help_Always_ShowsFlagsWithDefaultsAndSettings()
    {
        (int code, string output, string error) = await RunAsync("--help");

        Assert.Equal(0, code);
        Assert.Matches(@"--http-port <number> +Port .*Default: 8000\. Setting: Gateway:HttpPort", output);
        Assert.Contains("GATEWAY__HTTPPORT", output, StringComparison.Ordinal);
        Assert.Empty(error);
    }

    [Theory]
    [InlineData(2, "gateway: unknown flag '--frob' (see gateway --help)", "--frob")]
    [InlineData(2, "gateway: --http-port: '70000' is not valid (allowed 0 to 65535)", "--http-port=70000")]
    [InlineData(2, "gateway: --load-model: needs --model-control-mode=explicit (in other modes every model is loaded)", "--load-model=m")]
    [InlineData(1, "gateway: --model-repository: /no/such/folder: there is no such folder", "--model-repository=/no/such/folder")]
    [InlineData(1, "gateway: --model-repository: /no/such/folder: there is no such folder", "check", "--model-repository=/no/such/folder")]
    public Task Mistake_OnTheCommandLine_IsOneLine(int code, string line, params string[] arguments) => AssertFailsAsync(code, line, arguments);

    [Fact]
    public Task Repository_Empty_IsOneLine() =>
        AssertFailsAsync(1, $"gateway: --model-repository: {_folder}: there is no model in it (a model is a folder with a version folder in it, such as digits/1/model.onnx)", "--model-repository", _folder);

    [Fact]
    public async Task Environment_BadValue_IsOneLine()
    {
        await using GatewayProcess program = GatewayProcess.Run(["check"], environment: new Dictionary<string, string> { ["GATEWAY__HTTPPORT"] = "x" });

        Assert.Equal(2, await program.WaitForExitAsync());
        Assert.Equal("gateway: GATEWAY__HTTPPORT: 'x' is not valid (allowed 0 to 65535)", program.Error.Trim());
    }

    [Theory]
    [InlineData("--http-port", "--metrics-port", "--frames-port", "--grpc-port")]
    [InlineData("--metrics-port", "--http-port", "--frames-port", "--grpc-port")]
    [InlineData("--frames-port", "--http-port", "--metrics-port", "--grpc-port")]
    [InlineData("--grpc-port", "--http-port", "--metrics-port", "--frames-port")]
    public async Task Port_InUse_IsOneLine(string flag, params string[] otherFlags)
    {
        using Socket taken = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        taken.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        taken.Listen();
        int port = ((IPEndPoint)taken.LocalEndPoint!).Port;

        (int code, string output, string error) = await RunAsync([flag, $"{port}", .. otherFlags.SelectMany(other => new[] { other, "0" })]);

        Assert.Equal(1, code);
        Assert.Empty(output);
        Assert.Equal($"gateway: {flag}: cannot listen on 127.0.0.1:{port}: the port is in use", error.Trim());
    }

    [Fact]
    public async Task Check_SampleRepository_IsGood()
    {
        (int code, string output, string error) = await RunAsync("check");

        Assert.Equal(0, code);
        Assert.Contains("ok      digits 1: can be served\n", output, StringComparison.Ordinal);
        Assert.Empty(error);
    }

    [Fact]
    public async Task Check_BrokenModel_IsNamedAndFails()
    {
        Directory.CreateDirectory(Path.Combine(_folder, "bad", "1"));
        await File.WriteAllTextAsync(Path.Combine(_folder, "bad", "config.pbtxt"), "max_batch_sise: 8\n", TestContext.Current.CancellationToken);

        (int code, string output, _) = await RunAsync("check", "--model-repository", _folder);

        Assert.Equal(1, code);
        Assert.Matches("broken  bad: .*config.pbtxt.*max_batch_sise", output);
        Assert.Contains("1 checked, 1 broken", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Compile_SampleModel_PrintsWhatItBringsAndKeepsIt()
    {
        string version = Path.Combine(_folder, "digits", "1");
        Directory.CreateDirectory(version);
        File.Copy(Path.Combine(GatewayProcess.RepositoryRoot, "config/model-repository/digits/1/model.onnx"), Path.Combine(version, "model.onnx"));
        string inputs = Path.Combine(_folder, "requests.jsonl");
        string request = await File.ReadAllTextAsync(Path.Combine(GatewayProcess.RepositoryRoot, "config/samples/digit-7.json"), TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(inputs, request.ReplaceLineEndings(" ") + "\n", TestContext.Current.CancellationToken);

        (int code, string output, string error) = await RunAsync("compile", "--model-repository", _folder, "--model", "digits", "--for", "cpu", "--inputs", inputs);

        Assert.True(code == 0, error);
        Assert.Matches(@"provider: +CPU\n", output);
        Assert.Matches(@"compared on: +1 requests of .*requests\.jsonl", output);
        Assert.Matches(@"  probabilities FP32: \d+ of 10 values differ, by \S+ at most, relatively \S+ \(allowed 0\.001\)\n", output);
        Assert.Matches(@"load: +[\d.]+ ms the model, [\d.]+ ms compiled", output);
        Assert.Matches(@"run of 1: +[\d.]+ ms the model", output);
        Assert.Matches(@"digits 1 for cpu: kept in .*/\.compiled-cpu-\w+\.onnx, [\d,]+ bytes\.", output);
        Assert.True(File.Exists(Path.Combine(version, ".compiled-cpu.json")));
    }

    [Theory]
    [InlineData("gateway: digits: The CUDA provider cannot be used", "--model", "digits", "--for", "cuda")]
    [InlineData("gateway: none: there is no model 'none' in the repository", "--model", "none", "--for", "cpu")]
    [InlineData("gateway: digits: 'digits' has no version 7 (it has 1)", "--model", "digits", "--for", "cpu", "--model-version", "7")]
    [InlineData("gateway: --for: 'tpu' is not valid (allowed cpu, cuda, webgpu)", "--model", "digits", "--for", "tpu")]
    [InlineData("gateway: --tolerance: 'x' is not valid (allowed a number from 0)", "--model", "digits", "--for", "cpu", "--tolerance", "x")]
    [InlineData("gateway: --tolerance: 'Infinity' is not valid (allowed a number from 0)", "--model", "digits", "--for", "cpu", "--tolerance", "Infinity")]
    [InlineData("gateway: --precision: 'fp16' is not valid (allowed model: ", "--model", "digits", "--for", "cpu", "--precision", "fp16")]
    [InlineData("gateway: --inputs: /no/such.npz: ", "--model", "digits", "--for", "cpu", "--inputs", "/no/such.npz")]
    public async Task Compile_CannotBeDone_SaysWhy(string line, params string[] arguments)
    {
        (int code, _, string error) = await RunAsync(["compile", .. arguments]);

        Assert.Equal(1, code);
        Assert.StartsWith(line, error.Split('\n')[^1], StringComparison.Ordinal);
    }

    private static async Task AssertFailsAsync(int expectedCode, string expectedLine, params string[] arguments)
    {
        (int code, string output, string error) = await RunAsync(arguments);

        Assert.Equal((expectedCode, ""), (code, output));
        Assert.Equal(expectedLine, error.Trim());
    }

    private static async Task<(int Code, string Output, string Error)> RunAsync(params string[] arguments)
    {
        await using GatewayProcess program = GatewayProcess.Run(arguments);
        int code = await program.WaitForExitAsync();
        return (code, program.Output, program.Error.TrimEnd());
    }
}
