using System.Diagnostics;

namespace Gateway.IntegrationTests;

/// <summary>A client in another language, as a process of its own.</summary>
internal static class StrangerClient
{
    /// <summary>Runs a client, and fails the test if it fails.</summary>
    /// <returns>What it printed.</returns>
    public static async Task<string> RunAsync(string program, params string[] arguments)
    {
        (int code, string output) = await TryRunAsync(program, arguments);
        Assert.True(code == 0, $"{program} {string.Join(' ', arguments)}: {output}");
        return output;
    }

    /// <summary>Runs a client.</summary>
    /// <returns>What it ended with, and what it printed; of one that failed, its errors too.</returns>
    public static async Task<(int Code, string Output)> TryRunAsync(string program, params string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        Task<string> output = process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        Task<string> error = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        return (process.ExitCode, process.ExitCode == 0 ? await output : await error + await output);
    }
}
