using System.Diagnostics;

namespace Gateway.TestSupport.Kills;

/// <summary>The program as a process that is killed without warning.</summary>
public sealed class KilledServer : IDisposable
{
    private readonly Process _process;
    private readonly TaskCompletionSource<string?> _address = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private string? _http;
    private bool _isOver;

    /// <param name="program">The path of <c>gateway.dll</c>.</param>
    public KilledServer(string program, params IEnumerable<string> arguments)
    {
        ProcessStartInfo start = new("dotnet", [program, "--http-port", "0", "--grpc-port", "0", "--frames-port", "0", "--allow-metrics", "false", .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,

            // It is started again and again: without the optimising compiler in half of the time.
            Environment = { ["DOTNET_TC_QuickJit"] = "1" },
        };
        _process = new Process { StartInfo = start, EnableRaisingEvents = true };
        _process.OutputDataReceived += (_, line) => OnOutput(line.Data);
        _process.ErrorDataReceived += (_, line) => LastError = line.Data is { Length: > 0 } text ? text : LastError;
        _process.Exited += (_, _) => _address.TrySetResult(null);
        _process.Start();
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
    }

    /// <summary>The last line that it wrote to standard error.</summary>
    public string LastError { get; private set; } = "";

    /// <summary>Where it serves HTTP, once it does; null when it has ended instead.</summary>
    public Task<string?> ServesAsync() => _address.Task;

    /// <summary>SIGKILL.</summary>
    public void Dispose()
    {
        if (_isOver) return;
        _isOver = true;
        if (!_process.HasExited) _process.Kill();
        _process.WaitForExit();
        _process.Dispose();
    }

    private void OnOutput(string? line)
    {
        if (line is null) return;
        if (line.StartsWith("http ", StringComparison.Ordinal)) _http = line["http ".Length..].Trim();
        if (line.StartsWith("Serving ", StringComparison.Ordinal)) _address.TrySetResult(_http);
    }
}
