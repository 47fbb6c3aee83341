using System.Diagnostics;
using System.Runtime.InteropServices;
using Gateway.Harness.Models;
using Gateway.Load.Machine;
using Gateway.OnnxRuntime.Environments;

namespace Gateway.Harness.Machine;

/// <summary>What a figure is worth nothing without: the machine and the versions it was taken on.</summary>
internal sealed record MachineFacts(string Cpu, int Cores, string Kernel, string Pinning, string DotNet, string OnnxRuntime, string Commit)
{
    public static MachineFacts Read() => new(
        Processor.Model,
        Processor.Cores,
        $"{RuntimeInformation.OSDescription}, kernel {File.ReadAllText("/proc/sys/kernel/osrelease").Trim()}",
        Affinity.Description,
        Environment.Version.ToString(),
        OrtEnvironment.Version,
        ReadCommit());

    /// <summary>The commit measured, with a plus when the working tree differs from it.</summary>
    private static string ReadCommit()
    {
        string commit = Git("rev-parse", "--short=12", "HEAD");
        return commit.Length == 0 ? "unknown" : Git("status", "--porcelain", "--", "src", "bench/models", "Directory.Packages.props").Length == 0 ? commit : commit + "+";
    }

    private static string Git(params string[] arguments)
    {
        try
        {
            using Process git = Process.Start(new ProcessStartInfo("git", ["-C", RepositoryRoot.Path, .. arguments]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
            string output = git.StandardOutput.ReadToEnd().Trim();
            git.WaitForExit();
            return output;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            // No git here: the figures stand without a commit.
            return "";
        }
    }
}
