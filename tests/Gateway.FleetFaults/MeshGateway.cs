using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace Gateway.FleetFaults;

/// <summary>One place in the mesh: an address at which one process after the other serves.</summary>
/// <remarks><b>Threading</b>: one at a time, but for <see cref="Life"/>.</remarks>
internal sealed partial class MeshGateway(string program, string repository, int port, IReadOnlyList<int> all) : IDisposable
{
    private const int SignalContinue = 18;
    private const int SignalStop = 19;

    private static readonly TimeSpan StartPatience = TimeSpan.FromMinutes(2);

    // Those of processes that are gone, too: calls may be under way when one is killed.
    private readonly List<MeshLife> _lives = [];
    private Process? _process;
    private volatile MeshLife? _life;

    public string Address { get; } = string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{port}");

    /// <summary>The process that serves; null while none does.</summary>
    public MeshLife? Life => _life;

    public bool IsPaused { get; private set; }

    /// <summary>Starts a process, and waits until it serves.</summary>
    public async Task StartAsync()
    {
        string[] arguments =
        [
            program, "--model-repository", repository, "--http-port", Text(port), "--metrics-port", "0", "--frames-port", "0", "--grpc-port", "0",
            .. all.Where(other => other != port).SelectMany(other => new[] { "--overflow-replica", string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{other}") }),
        ];

        // It is started again and again: without the optimising compiler in half of the time.
        ProcessStartInfo start = new("dotnet", arguments) { RedirectStandardOutput = true, RedirectStandardError = true, Environment = { ["DOTNET_TC_QuickJit"] = "1" } };
        TaskCompletionSource<string> serves = new(TaskCreationOptions.RunContinuationsAsynchronously);
        string metrics = "";
        string error = "";
        Process process = new() { StartInfo = start, EnableRaisingEvents = true };
        process.OutputDataReceived += (_, line) =>
        {
            if (line.Data?.StartsWith("metrics ", StringComparison.Ordinal) == true) metrics = line.Data["metrics ".Length..].Trim();
            if (line.Data?.StartsWith("Serving ", StringComparison.Ordinal) == true) serves.TrySetResult(metrics);
        };
        process.ErrorDataReceived += (_, line) => error = line.Data is { Length: > 0 } text ? text : error;
        process.Exited += (_, _) => serves.TrySetException(new InvalidOperationException($"a gateway ended: {error}"));
        process.Start();
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        _process = process;
        _lives.Add(new MeshLife(Address, await serves.Task.WaitAsync(StartPatience, TimeProvider.System).ConfigureAwait(false)));
        _life = _lives[^1];
    }

    /// <summary>Kills it without warning. Who asks it from here on knows that it is not there.</summary>
    public void Kill()
    {
        MeshLife? life = _life;
        _life = null;
        life?.End();
        IsPaused = false;
        _process!.Kill();
        _process.WaitForExit();
        _process.Dispose();
        _process = null;
    }

    public void Pause()
    {
        Signal(SignalStop);
        IsPaused = true;
    }

    public void Resume()
    {
        Signal(SignalContinue);
        IsPaused = false;
    }

    public void Dispose()
    {
        if (_process is not null) Kill();
        foreach (MeshLife life in _lives) life.Dispose();
    }

    /// <summary>Ports that were free a moment ago.</summary>
    public static int[] FreePorts(int count)
    {
        TcpListener[] listeners = [.. Enumerable.Range(0, count).Select(_ => new TcpListener(IPAddress.Loopback, 0))];
        foreach (TcpListener listener in listeners) listener.Start();
        int[] ports = [.. listeners.Select(listener => ((IPEndPoint)listener.LocalEndpoint).Port)];
        foreach (TcpListener listener in listeners) listener.Dispose();
        return ports;
    }

    private void Signal(int signal)
    {
        if (SendSignal(_process!.Id, signal) != 0) throw new InvalidOperationException("a gateway has ended by itself");
    }

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int SendSignal(int process, int signal);
}
