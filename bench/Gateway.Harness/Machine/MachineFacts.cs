using System.Diagnostics;
using System.Runtime.InteropServices;
using Gateway.Harness.Models;
using Gateway.Load.Machine;
using Gateway.OnnxRuntime.Environments;

namespace Gateway.Harness.Machine;

/// <summary>What a figure is worth nothing without: the machine and the versions it was taken on.</summary>
internal sealed record MachineFacts(string Cpu, int Cores, string Kernel, string Pinning, string DotNet, string OnnxRuntime, string Commit, string Gpu)
{
    public static MachineFacts Read() => new(
        Processor.Model,
        Processor.Cores,
        $"{RuntimeInformation.OSDescription}, kernel {File.ReadAllText("/proc/sys/kernel/osrelease").Trim()}",
        Affinity.Description,
        Environment.Version.ToString(),
        OrtEnvironment.Version,
        ReadCommit(),
        Run("nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"));

    /// <summary>The commit measured, with a plus when the working tree differs from it.</summary>
    private static string ReadCommit()
    {
        // Where the programs were brought without their repository.
        if (Environment.GetEnvironmentVariable("GATEWAY_COMMIT") is { Length: > 0 } known) return known;
        string commit = Git("rev-parse", "--short=12", "HEAD");
        return commit.Length == 0 ? "unknown" : Git("status", "--porcelain", "--", "src", "bench/models", "Directory.Packages.props").Length == 0 ? commit : commit + "+";
    }

    private static string Git(params string[] arguments) => Run("git", ["-C", RepositoryRoot.Path, .. arguments]);

    /// <returns>What a program writes; nothing where it is not there.</returns>
    private static string Run(string program, params string[] arguments)
    {
        try
        {
            using Process process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
            string output = process.StandardOutput.ReadToEnd().Trim();
            process.WaitForExit();
            return process.ExitCode == 0 ? output : "";
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return "";
        }
    }
}
