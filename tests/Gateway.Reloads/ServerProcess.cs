using System.Diagnostics;
using System.Globalization;
using System.Reflection;

namespace Gateway.Reloads;

/// <summary>The program as a process of its own, on free ports, in control mode explicit.</summary>
internal sealed class ServerProcess : IDisposable
{
    private readonly Process _process;

    private ServerProcess(Process process) => _process = process;

    public string HttpAddress { get; private set; } = "";

    public string FramesAddress { get; private set; } = "";

    /// <summary>Memory that it holds, in bytes.</summary>
    public long ResidentBytes =>
        long.Parse(File.ReadAllText($"/proc/{_process.Id}/statm").Split(' ')[1], CultureInfo.InvariantCulture) * Environment.SystemPageSize;

    public static async Task<ServerProcess> StartAsync(string repository)
    {
        string program = typeof(ServerProcess).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(each => each.Key == "Program").Value!;
        string[] arguments =
        [
            program, "--model-repository", repository, "--model-control-mode", "explicit", "--load-model", "m",
            "--http-port", "0", "--grpc-port", "0", "--frames-port", "0", "--allow-metrics", "false", "--log-verbose", "0",
        ];
        ServerProcess server = new(Process.Start(new ProcessStartInfo("dotnet", arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!);
        server._process.ErrorDataReceived += static (_, _) => { };
        server._process.BeginErrorReadLine();
        while (await server._process.StandardOutput.ReadLineAsync().ConfigureAwait(false) is { } line)
        {
            if (line.StartsWith("http ", StringComparison.Ordinal)) server.HttpAddress = line["http ".Length..].Trim();
            if (line.StartsWith("frames ", StringComparison.Ordinal)) server.FramesAddress = line["frames ".Length..].Trim();
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
