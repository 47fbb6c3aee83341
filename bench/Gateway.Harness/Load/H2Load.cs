using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Text.RegularExpressions;
using Gateway.Harness.Machine;
using Gateway.Harness.Subjects;

namespace Gateway.Harness.Load;

/// <summary>Load over HTTP/2 from <c>h2load</c> (Debian: nghttp2-client), a client of others, in C, on the client's core.</summary>
internal static partial class H2Load
{
    private const string Program = "/usr/bin/h2load";

    /// <summary>Sends the same call again and again.</summary>
    /// <param name="streams">Calls of each connection under way at a time.</param>
    /// <param name="answerBytes">Bytes of messages that each call must be answered with: an error would have none.</param>
    /// <exception cref="IOException">There is no such program, or calls failed.</exception>
    public static H2LoadResult Run(ServerProcess server, IPEndPoint grpc, string path, string bodyFile, int connections, int streams, int answerBytes, double seconds)
    {
        if (!File.Exists(Program)) throw new IOException("h2load is missing (Debian: apt-get install nghttp2-client)");
        string[] arguments =
        [
            "-D", $"{Math.Max(1, (int)Math.Round(seconds))}", "-c", $"{connections}", "-m", $"{streams}", "-d", bodyFile,
            "-H", "content-type: application/grpc", "-H", "te: trailers", $"http://{grpc}{path}",
        ];
        TimeSpan before = server.CpuTime;
        using Process process = Process.Start(ServerProcess.Pinned(Program, arguments, $"{Affinity.ClientCore}"))!;
        string output = process.StandardOutput.ReadToEnd();
        string error = process.StandardError.ReadToEnd();
        process.WaitForExit();
        TimeSpan cpu = server.CpuTime - before;
        Match requests = Requests().Match(output);
        Match finished = Finished().Match(output);
        Match data = Data().Match(output);
        Match latency = Latency().Match(output);
        if (process.ExitCode != 0 || !requests.Success || !finished.Success || !data.Success) throw new IOException($"h2load failed: {error}{output}");
        long done = long.Parse(requests.Groups[1].Value, CultureInfo.InvariantCulture);
        long bytes = long.Parse(data.Groups[1].Value, CultureInfo.InvariantCulture);

        // What was under way at the end is in one count and not in the other.
        long slack = (long)connections * streams * answerBytes;
        if (Math.Abs(bytes - (done * answerBytes)) > slack + (bytes / 100)) throw new IOException($"{done} calls were answered with {bytes} bytes, not with {answerBytes} each: some failed");
        return new H2LoadResult(double.Parse(finished.Groups[1].Value, CultureInfo.InvariantCulture), 1e6 * cpu.TotalSeconds / done, latency.Success ? Microseconds(latency.Groups[1].Value) : 0);
    }

    /// <summary>Reads h2load's durations, such as <c>464us</c> and <c>3.51ms</c>.</summary>
    private static double Microseconds(string text)
    {
        string number = text.TrimEnd('u', 'm', 's');
        double unit = text[number.Length..] switch { "us" => 1, "ms" => 1e3, _ => 1e6 };
        return double.Parse(number, CultureInfo.InvariantCulture) * unit;
    }

    [GeneratedRegex(@"requests: \d+ total, \d+ started, \d+ done, (\d+) succeeded, 0 failed, 0 errored")]
    private static partial Regex Requests();

    [GeneratedRegex(@"finished in [\d.]+\w+, ([\d.]+) req/s")]
    private static partial Regex Finished();

    [GeneratedRegex(@"\((\d+)\) data")]
    private static partial Regex Data();

    [GeneratedRegex(@"time for request: +\S+ +\S+ +(\S+)")]
    private static partial Regex Latency();
}
