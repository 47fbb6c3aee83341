using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Gateway.Harness.Machine;

namespace Gateway.Harness.Subjects;

/// <summary>A server in a process of its own, on the server's core.</summary>
/// <remarks><b>Ownership</b>: disposing ends the process. <b>Threading</b>: one thread.</remarks>
internal sealed class ServerProcess : IDisposable
{
    // Loading every model twice over takes a second; a server that needs longer is broken.
    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan StopLimit = TimeSpan.FromSeconds(10);

    // How often an unready server is asked: the resolution of the time to ready.
    private static readonly TimeSpan AskAgain = TimeSpan.FromMilliseconds(1);

    private static readonly byte[] ReadyRequest = Encoding.ASCII.GetBytes("GET /v2/health/ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");

    private readonly Process _process;
    private readonly StringBuilder _output = new();

    private ServerProcess(ProcessStartInfo start, int port)
    {
        EndPoint = new IPEndPoint(IPAddress.Loopback, port);
        long begun = TimeProvider.System.GetTimestamp();
        _process = Process.Start(start) ?? throw new IOException($"{start.FileName} did not start");
        _process.OutputDataReceived += Keep;
        _process.ErrorDataReceived += Keep;
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
        try
        {
            while (!IsReady())
            {
                if (_process.HasExited) throw new IOException($"{start.FileName} ended before it was ready:\n{Output}");
                if (TimeProvider.System.GetElapsedTime(begun) > StartLimit) throw new IOException($"{start.FileName} was not ready after {StartLimit.TotalSeconds} s:\n{Output}");
                Task.Delay(AskAgain, TimeProvider.System).GetAwaiter().GetResult();
            }
        }
        catch
        {
            Dispose();
            throw;
        }

        TimeToReady = TimeProvider.System.GetElapsedTime(begun);
    }

    public IPEndPoint EndPoint { get; }

    public int Id => _process.Id;

    /// <summary>From the start of the process to its first 200 on the readiness path.</summary>
    public TimeSpan TimeToReady { get; }

    /// <summary>CPU time used so far, all threads; the kernel counts it in steps of 10 ms.</summary>
    public TimeSpan CpuTime
    {
        get
        {
            _process.Refresh();
            return _process.TotalProcessorTime;
        }
    }

    /// <summary>Memory that it holds, in bytes.</summary>
    public long ResidentBytes
    {
        get
        {
            _process.Refresh();
            return _process.WorkingSet64;
        }
    }

    private string Output
    {
        get
        {
            lock (_output) return _output.ToString();
        }
    }

    /// <summary>Starts a program and waits until it is ready.</summary>
    /// <param name="port">The port that <paramref name="arguments"/> make it listen on.</param>
    /// <param name="cores">Cores for it, as <c>taskset</c> takes them; null for the server's core.</param>
    /// <exception cref="IOException">It did not start or did not become ready; with what it wrote.</exception>
    public static ServerProcess Start(string program, IReadOnlyList<string> arguments, int port, string? cores = null) => new(Pinned(program, arguments, cores), port);

    /// <summary>How to start a program on the server's core, or unpinned where nothing can be pinned.</summary>
    public static ProcessStartInfo Pinned(string program, IReadOnlyList<string> arguments, string? cores = null)
    {
        if (!File.Exists(program)) throw new FileNotFoundException($"there is no {program}: build it first (bench/README.md says how)");
        ProcessStartInfo start = Affinity.CanPin
            ? new ProcessStartInfo("taskset", ["-c", cores ?? $"{Affinity.ServerCore}", program, .. arguments])
            : new ProcessStartInfo(program, arguments);
        start.RedirectStandardOutput = true;
        start.RedirectStandardError = true;

        // Where the machine is set up for development, a server must still run with its ordinary settings.
        start.Environment["DOTNET_ENVIRONMENT"] = "Production";
        return start;
    }

    /// <summary>A port that was free a moment ago.</summary>
    public static int FreePort()
    {
        using Socket socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return ((IPEndPoint)socket.LocalEndPoint!).Port;
    }

    public void Dispose()
    {
        if (!_process.HasExited) _process.Kill(entireProcessTree: true);
        _process.WaitForExit(StopLimit);
        _process.Dispose();
    }

    private bool IsReady()
    {
        using Socket socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            socket.Connect(EndPoint);
            socket.Send(ReadyRequest);
            Span<byte> answer = stackalloc byte[64];
            int count = socket.Receive(answer);
            return answer[..count].StartsWith("HTTP/1.1 200"u8);
        }
        catch (SocketException)
        {
            // Not listening yet.
            return false;
        }
    }

    private void Keep(object sender, DataReceivedEventArgs line)
    {
        lock (_output) _output.AppendLine(line.Data);
    }
}
