using System.ComponentModel;
using System.Diagnostics;
using System.Text;
using System.Text.RegularExpressions;

namespace Gateway.Load.Tuning;

/// <summary>A gateway on a repository, on ports of its own choice.</summary>
/// <remarks><b>Ownership</b>: disposing ends it.</remarks>
internal sealed partial class GatewayProcess : IDisposable
{
    private const int MostOutput = 64 * 1024;
    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan StopLimit = TimeSpan.FromSeconds(10);

    private readonly Process _process;
    private readonly StringBuilder _output = new();
    private readonly ManualResetEventSlim _listens = new();

    /// <exception cref="LoadException">It did not start; with what it said.</exception>
    public GatewayProcess(string program, string repository)
    {
        ProcessStartInfo start = new(program, ["--model-repository", repository, "--http-port", "0", "--grpc-port", "0", "--frames-port", "0", "--metrics-port", "0"]) { RedirectStandardOutput = true, RedirectStandardError = true };
        try
        {
            _process = Process.Start(start)!;
        }
        catch (Win32Exception exception)
        {
            throw new LoadException(ExitCode.CannotStart, $"{program} cannot be started: {exception.Message}", exception);
        }

        _process.OutputDataReceived += Keep;
        _process.ErrorDataReceived += Keep;
        _process.Exited += (_, _) => _listens.Set();
        _process.EnableRaisingEvents = true;
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
        if (_listens.Wait(StartLimit) && !_process.HasExited && Http is not null) return;
        string output;
        lock (_output) output = _output.ToString();
        Dispose();
        throw new LoadException(ExitCode.CannotStart, $"{program} did not start: {string.Join(' ', output.Split('\n').TakeLast(4))}");
    }

    private string? Http { get; set; }

    private string? Frames { get; set; }

    private string? Grpc { get; set; }

    public Uri? Metrics { get; private set; }

    /// <summary>Where it serves a scheme; null where it does not.</summary>
    public string? AddressOf(string scheme) => scheme switch
    {
        "http" => Http,
        "frames" => Frames,
        "grpc" => Grpc,
        _ => null,
    };

    public void Dispose()
    {
        if (!_process.HasExited) _process.Kill(entireProcessTree: true);
        _process.WaitForExit(StopLimit);
        _process.Dispose();
        _listens.Dispose();
    }

    private void Keep(object sender, DataReceivedEventArgs line)
    {
        if (line.Data is not { } text) return;
        lock (_output)
        {
            if (_output.Length < MostOutput) _output.Append(text).Append('\n');
        }

        // The addresses come first, the models after: "Serving" says that those are loaded too.
        Match match = Listening().Match(text);
        if (match.Success)
        {
            Http = match.Groups["http"].Value;
            Grpc = match.Groups["grpc"].Success ? $"grpc://{match.Groups["grpc"].Value}" : null;
            Frames = match.Groups["frames"].Success ? $"frames://{match.Groups["frames"].Value}" : null;
            Metrics = match.Groups["metrics"].Success ? new Uri($"{match.Groups["metrics"].Value}/metrics") : null;
        }

        if (text.Contains("Serving ", StringComparison.Ordinal)) _listens.Set();
    }

    [GeneratedRegex(@"Listening on (?<http>http://[^,\s]+)(?:,.*?gRPC on (?:http://)?(?<grpc>[\d.:\[\]a-f]+))?(?:,.*?frames on (?<frames>[\d.:\[\]a-f]+))?(?:,.*?metrics on (?<metrics>http://[^,\s]+))?")]
    private static partial Regex Listening();
}
