namespace Gateway.IntegrationTests.Frames;

/// <summary>Clients in other languages, written from the protocol's description alone, against the program itself.</summary>
public sealed class StrangersTests : IDisposable
{
    // Each is in the set once; 359 of the 360 are the model's own accuracy.
    private const string Right = "359 of 360 digits are right";

    private readonly string _folder = Directory.CreateTempSubdirectory("gateway-frames-").FullName;

    private string SocketPath => Path.Combine(_folder, "frames.sock");

    private static string Digits => Path.Combine(GatewayProcess.RepositoryRoot, "config", "samples", "digits-heldout.bin");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task JavaScript_OverTcpAndUnixSocket_ClassifiesTheDigits()
    {
        await using GatewayProcess program = await GatewayProcess.ServeAsync("--frames-socket", SocketPath);
        string script = Path.Combine(GatewayProcess.RepositoryRoot, "tests", "interop", "frames.mjs");

        Assert.Equal(Right, (await StrangerClient.RunAsync("node", script, program.FramesAddress, Digits)).Trim());
        Assert.Equal(Right, (await StrangerClient.RunAsync("node", script, SocketPath, Digits)).Trim());
    }

    [Fact]
    public async Task Python_OverTcpAndUnixSocket_ClassifiesTheDigits()
    {
        await using GatewayProcess program = await GatewayProcess.ServeAsync("--frames-socket", SocketPath, "--access-token", "t");
        string script = Path.Combine(GatewayProcess.RepositoryRoot, "config", "samples", "classify_digits_frames.py");

        Assert.Contains("accuracy 0.9972", await StrangerClient.RunAsync("/usr/bin/python3", script, "--address", program.FramesAddress, "--token", "t"), StringComparison.Ordinal);
        Assert.Contains("accuracy 0.9972", await StrangerClient.RunAsync("/usr/bin/python3", script, "--address", SocketPath, "--token", "t", "--repeat", "10"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task UnixSocket_OfAServerThatDied_IsTakenOver()
    {
        await using GatewayProcess dead = await GatewayProcess.ServeAsync("--frames-socket", SocketPath);
        dead.Signal(GatewayProcess.KillAtOnce);
        await dead.WaitForExitAsync();
        Assert.True(Path.Exists(SocketPath));

        await using GatewayProcess next = await GatewayProcess.ServeAsync("--frames-socket", SocketPath);
        await using GatewayProcess another = GatewayProcess.Run(["--http-port", "0", "--grpc-port", "0", "--metrics-port", "0", "--frames-port", "0", "--frames-socket", SocketPath]);

        Assert.Equal(1, await another.WaitForExitAsync());
        Assert.Equal($"gateway: --frames-socket: cannot listen on {SocketPath}: another server listens on it", another.Error.Trim());
        next.Signal(GatewayProcess.Terminate);
        Assert.Equal(0, await next.WaitForExitAsync());
        Assert.False(Path.Exists(SocketPath));
    }
}
