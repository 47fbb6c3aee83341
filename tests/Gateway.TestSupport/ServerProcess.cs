using System.Diagnostics;
using System.Globalization;

namespace Gateway.TestSupport;

/// <summary>The program as a process of its own, on free ports, in control mode explicit.</summary>
public sealed class ServerProcess : IDisposable
{
    private readonly Process _process;

    private ServerProcess(Process process) => _process = process;

    public string HttpAddress { get; private set; } = "";

    public string GrpcAddress { get; private set; } = "";

    public string FramesAddress { get; private set; } = "";

    /// <summary>Where metrics are, path included.</summary>
    public string MetricsAddress { get; private set; } = "";

    public bool HasEnded => _process.HasExited;

    /// <summary>Memory that it holds, in bytes.</summary>
    public long ResidentBytes =>
        long.Parse(File.ReadAllText($"/proc/{_process.Id}/statm").Split(' ')[1], CultureInfo.InvariantCulture) * Environment.SystemPageSize;

    /// <param name="program">Path of the program's assembly.</param>
    /// <param name="models">Those of the repository that are loaded at start.</param>
    public static async Task<ServerProcess> StartAsync(string program, string repository, params string[] models)
    {
        string[] arguments =
        [
            program, "--model-repository", repository, "--model-control-mode", "explicit", .. models.SelectMany(model => new[] { "--load-model", model }),
            "--http-port", "0", "--grpc-port", "0", "--frames-port", "0", "--metrics-port", "0", "--log-verbose", "0",
        ];
        ServerProcess server = new(Process.Start(new ProcessStartInfo("dotnet", arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!);
        server._process.ErrorDataReceived += static (_, _) => { };
        server._process.BeginErrorReadLine();
        while (await server._process.StandardOutput.ReadLineAsync().ConfigureAwait(false) is { } line)
        {
            if (line.StartsWith("http ", StringComparison.Ordinal)) server.HttpAddress = line["http ".Length..].Trim();
            if (line.StartsWith("grpc ", StringComparison.Ordinal)) server.GrpcAddress = line["grpc ".Length..].Trim();
            if (line.StartsWith("frames ", StringComparison.Ordinal)) server.FramesAddress = line["frames ".Length..].Trim();
            if (line.StartsWith("metrics ", StringComparison.Ordinal)) server.MetricsAddress = line["metrics ".Length..].Trim();
            if (line.StartsWith("Serving ", StringComparison.Ordinal)) return server;
        }

        throw new InvalidOperationException("the program ended before it served");
    }

    public void Dispose()
    {
        if (!_process.HasExited) _process.Kill();
        _process.WaitForExit();
        _process.Dispose();
    }
}
