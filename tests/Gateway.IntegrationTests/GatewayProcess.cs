using System.Diagnostics;
using System.Reflection;
using System.Runtime.InteropServices;
using System.Text;

namespace Gateway.IntegrationTests;

/// <summary>The real program as a process of its own, on free ports.</summary>
/// <remarks>Disposing kills it if it still runs. Waits end by the test's own time-out.</remarks>
internal sealed partial class GatewayProcess : IAsyncDisposable
{
    public const int Interrupt = 2;
    public const int KillAtOnce = 9;
    public const int Terminate = 15;
    public const int Resume = 18;
    public const int Pause = 19;

    private static readonly string[] FreePorts = ["--http-port", "0", "--grpc-port", "0", "--frames-port", "0", "--metrics-port", "0"];

    private readonly Process _process;
    private readonly StringBuilder _output = new();
    private readonly StringBuilder _error = new();
    private readonly TaskCompletionSource _isServing = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private GatewayProcess(IEnumerable<string> arguments, string folder, IReadOnlyDictionary<string, string>? environment, string program = "Program")
    {
        ProcessStartInfo start = new("dotnet", [Metadata(program), .. arguments])
        {
            WorkingDirectory = folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,

            // This build is not compiled ahead, as the published one is: half of its start would be the optimising compiler's.
            Environment = { ["DOTNET_TC_QuickJit"] = "1" },
        };
        foreach ((string name, string value) in environment ?? new Dictionary<string, string>()) start.Environment[name] = value;
        _process = new Process { StartInfo = start, EnableRaisingEvents = true };
        _process.OutputDataReceived += (_, line) => OnOutput(line.Data);
        _process.ErrorDataReceived += (_, line) =>
        {
            lock (_error) _error.AppendLine(line.Data);
        };
        _process.Exited += (_, _) => _isServing.TrySetException(new InvalidOperationException("The program ended before it served."));
        _process.Start();
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
    }

    /// <summary>The program's file.</summary>
    public static string ProgramPath => Metadata("Program");

    /// <summary>The root of this source tree, where <c>config/</c> is.</summary>
    public static string RepositoryRoot => Path.GetFullPath(Metadata("RepositoryRoot"));

    /// <summary>Where it serves HTTP, such as <c>http://127.0.0.1:41234</c>; empty until it does.</summary>
    public string HttpAddress { get; private set; } = "";

    /// <summary>Where it serves metrics, path included.</summary>
    public string MetricsAddress { get; private set; } = "";

    /// <summary>Where frames are served, such as <c>127.0.0.1:8003</c>.</summary>
    public string FramesAddress { get; private set; } = "";

    /// <summary>Where gRPC is served, such as <c>http://127.0.0.1:8001</c>.</summary>
    public string GrpcAddress { get; private set; } = "";

    /// <summary>What it wrote to standard output so far.</summary>
    public string Output
    {
        get
        {
            lock (_output) return _output.ToString();
        }
    }

    /// <summary>What it wrote to standard error so far.</summary>
    public string Error
    {
        get
        {
            lock (_error) return _error.ToString();
        }
    }

    /// <summary>Starts the program with just these arguments, from the repository's root unless told otherwise.</summary>
    public static GatewayProcess Run(IEnumerable<string> arguments, string? folder = null, IReadOnlyDictionary<string, string>? environment = null) =>
        new(arguments, folder ?? RepositoryRoot, environment);

    /// <summary>Serves on free ports, and waits until it says so.</summary>
    public static Task<GatewayProcess> ServeAsync(params string[] arguments) => ServeAsync("Program", arguments);

    /// <summary>Likewise, the program whose models wait instead of computing (tests/Gateway.TimedServer).</summary>
    public static Task<GatewayProcess> ServeTimedAsync(params string[] arguments) => ServeAsync("TimedProgram", arguments);

    /// <summary>Likewise, with more variables in its environment.</summary>
    public static Task<GatewayProcess> ServeTimedAsync(IReadOnlyDictionary<string, string> environment, params string[] arguments) => ServeAsync("TimedProgram", arguments, environment);

    private static async Task<GatewayProcess> ServeAsync(string which, string[] arguments, IReadOnlyDictionary<string, string>? environment = null)
    {
        GatewayProcess program = new([.. FreePorts.Where((_, i) => !arguments.Contains(FreePorts[i / 2 * 2])), .. arguments], RepositoryRoot, environment, which);
        try
        {
            await program._isServing.Task.WaitAsync(TestContext.Current.CancellationToken);
        }
        catch (InvalidOperationException error)
        {
            int code = await program.WaitForExitAsync();
            await program.DisposeAsync();
            throw new InvalidOperationException($"{error.Message} It ended with {code}:\n{program.Error}", error);
        }

        return program;
    }

    /// <summary>Waits for its end, and for all that it wrote.</summary>
    /// <returns>Its exit code.</returns>
    public async Task<int> WaitForExitAsync()
    {
        await _process.WaitForExitAsync(TestContext.Current.CancellationToken);
        return _process.ExitCode;
    }

    public void Signal(int signal) => Assert.Equal(0, Kill(_process.Id, signal));

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited) _process.Kill();
        await _process.WaitForExitAsync();
        _process.Dispose();
    }

    private void OnOutput(string? line)
    {
        if (line is null) return;
        lock (_output) _output.AppendLine(line);
        if (line.StartsWith("http ", StringComparison.Ordinal)) HttpAddress = line["http ".Length..].Trim();
        if (line.StartsWith("metrics ", StringComparison.Ordinal)) MetricsAddress = line["metrics ".Length..].Trim();
        if (line.StartsWith("grpc ", StringComparison.Ordinal)) GrpcAddress = line["grpc ".Length..].Trim();
        if (line.StartsWith("frames ", StringComparison.Ordinal)) FramesAddress = line["frames ".Length..].Trim();

        // Written at once with the addresses, after them.
        if (line.StartsWith("Serving ", StringComparison.Ordinal)) _isServing.TrySetResult();
    }

    private static string Metadata(string key) =>
        typeof(GatewayProcess).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(each => each.Key == key).Value!;

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Kill(int process, int signal);
}
