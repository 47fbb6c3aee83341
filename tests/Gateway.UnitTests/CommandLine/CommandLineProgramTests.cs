using Gateway.CommandLine;
using Gateway.Server.Hosting;

namespace Gateway.UnitTests.CommandLine;

public sealed class CommandLineProgramTests
{
    private readonly StringWriter _output = new();
    private readonly StringWriter _error = new();
    private string? _command;
    private ServerOptions? _options;

    [Theory]
    [InlineData("serve")]
    [InlineData("serve", "serve")]
    [InlineData("check", "check")]
    public async Task RunAsync_Command_IsRun(string expected, params string[] args)
    {
        Assert.Equal(ExitCode.Good, await RunAsync(args));

        Assert.Equal(expected, _command);
    }

    [Theory]
    [InlineData("--http-port", "1", "--model-repository", "a", "--model-repository=b", "--server-timing", "--exit-on-error=true", "--strict-readiness", "false")]
    [InlineData("serve", "--http-port=1", "--model-repository", "a", "--model-repository", "b", "--exit-on-error", "--server-timing=1", "--strict-readiness=0")]
    [InlineData("--http-port=1", "--model-repository", "a", "--model-repository", "b", "check", "--exit-on-error", "--server-timing", "--strict-readiness=False")]
    public async Task RunAsync_Flags_AreSetWhereverTheyStand(params string[] args)
    {
        Assert.Equal(ExitCode.Good, await RunAsync(args));

        Assert.Equal(1, _options!.HttpPort);
        Assert.Equal(["a", "b"], _options.ModelRepository);
        Assert.True(_options.ServerTiming);
        Assert.True(_options.ExitOnError);
        Assert.False(_options.StrictReadiness);
        Assert.Equal(8002, _options.MetricsPort);
    }

    [Theory]
    [InlineData("gateway: unknown flag '--http-prot' (did you mean --http-port?)", "--http-prot=8000")]
    [InlineData("gateway: unknown flag '--grpc-infer-thread-count' (see gateway --help)", "--grpc-infer-thread-count", "2")]
    [InlineData("gateway: unknown command 'server' (there are serve, check, compile, precompute and features load)", "server")]
    [InlineData("gateway: --http-port: a value is missing", "--http-port")]
    [InlineData("gateway: --http-port: is given more than once", "--http-port", "1", "--http-port", "2")]
    [InlineData("gateway: --http-port: 'x' is not valid (allowed 0 to 65535)", "--http-port", "x")]
    [InlineData("gateway: --load-model: needs --model-control-mode=explicit (in other modes every model is loaded)", "--load-model=m")]
    [InlineData("gateway: unknown command '@args' (there are serve, check, compile, precompute and features load)", "@args")]
    public async Task RunAsync_Mistake_IsOneLineOnStandardError(string expected, params string[] args)
    {
        Assert.Equal(ExitCode.BadSettings, await RunAsync(args));

        Assert.Equal(expected + Environment.NewLine, _error.ToString());
        Assert.Empty(_output.ToString());
        Assert.Null(_command);
    }

    [Fact]
    public async Task RunAsync_CommandThatCannotStart_IsOneLineOnStandardError()
    {
        CommandLineProgram.Command failing = _ => throw new StartupException("--http-port: cannot listen");

        Assert.Equal(ExitCode.Failed, await CommandLineProgram.RunAsync([], failing, failing, _output, _error));

        Assert.Equal("gateway: --http-port: cannot listen" + Environment.NewLine, _error.ToString());
    }

    [Fact]
    public async Task RunAsync_Help_ShowsEachFlagWithItsDefaultAndSetting()
    {
        Assert.Equal(ExitCode.Good, await RunAsync("--help"));

        string help = string.Join(' ', _output.ToString().Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
        Assert.All(Setting.All, setting =>
        {
            Assert.Contains($"{setting.Flag} <{setting.Placeholder}>", help, StringComparison.Ordinal);
            Assert.Contains($"Setting: {setting.Key}", help, StringComparison.Ordinal);
            if (setting.Default.Length > 0) Assert.Contains($"Default: {setting.Default}. Setting: {setting.Key}", help, StringComparison.Ordinal);
        });
        Assert.Null(_command);
    }

    private Task<int> RunAsync(params string[] args) => CommandLineProgram.RunAsync(args, Note("serve"), Note("check"), _output, _error);

    private CommandLineProgram.Command Note(string name) => options =>
    {
        (_command, _options) = (name, options);
        return Task.FromResult(ExitCode.Good);
    };
}
