using System.Diagnostics;
using System.Globalization;

namespace Gateway.IntegrationTests;

/// <summary>A server in another language, as a process of its own that prints its port first. Disposing kills it.</summary>
internal sealed class StrangerServer : IAsyncDisposable
{
    private readonly Process _process;

    private StrangerServer(Process process, int port)
    {
        _process = process;
        Port = port;
    }

    public int Port { get; }

    /// <param name="script">Its name in <c>tests/interop</c>.</param>
    public static async Task<StrangerServer> StartAsync(string script)
    {
        ProcessStartInfo start = new("/usr/bin/python3", [Path.Combine(GatewayProcess.RepositoryRoot, "tests", "interop", script)]) { RedirectStandardOutput = true };
        Process process = Process.Start(start)!;
        string? line = await process.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken);
        Assert.True(int.TryParse(line, CultureInfo.InvariantCulture, out int port), $"{script} did not say its port: {line}");
        return new StrangerServer(process, port);
    }

    /// <summary>Ends it at once, connections and all.</summary>
    public void Kill() => _process.Kill();

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited) _process.Kill();
        await _process.WaitForExitAsync();
        _process.Dispose();
    }
}
