using System.ComponentModel;
using System.Diagnostics;

namespace Gateway.IntegrationTests.MessagePack;

/// <summary>Another implementation of MessagePack, as a process that answers requests; <c>tests/interop/README.md</c> says how they look.</summary>
/// <param name="Program">What runs the script.</param>
/// <param name="Script">Its name in <c>tests/interop</c>.</param>
public sealed record Oracle(string Program, string Script)
{
    /// <summary>Starts the process, asks it everything, and waits for its end.</summary>
    /// <returns>As many answers as there were requests. Fails the test if it has not got them, with the reason that the process gave.</returns>
    public async Task<string[]> AskAsync(IReadOnlyCollection<string> requests)
    {
        CancellationToken cancellation = TestContext.Current.CancellationToken;
        ProcessStartInfo start = new(Program, [Path.Combine(GatewayProcess.RepositoryRoot, "tests", "interop", Script)])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using Process process = Start(start);
        try
        {
            Task<string> answers = process.StandardOutput.ReadToEndAsync(cancellation);
            Task<string> errors = process.StandardError.ReadToEndAsync(cancellation);
            try
            {
                foreach (string request in requests) await process.StandardInput.WriteAsync($"{request}\n".AsMemory(), cancellation);
                process.StandardInput.Close();
            }
            catch (IOException)
            {
                // It ended early; why is on its standard error.
            }

            string[] lines = (await answers).Split('\n', StringSplitOptions.RemoveEmptyEntries);
            await process.WaitForExitAsync(cancellation);
            Assert.True(process.ExitCode == 0, $"{Program} {Script} ended with {process.ExitCode} after {lines.Length} answers: {await errors}");
            Assert.Equal(requests.Count, lines.Length);
            return lines;
        }
        finally
        {
            if (!process.HasExited) process.Kill();
        }
    }

    private Process Start(ProcessStartInfo start)
    {
        try
        {
            return Process.Start(start)!;
        }
        catch (Win32Exception error)
        {
            throw new InvalidOperationException($"{Program} cannot be started, which {Script} needs: {error.Message}", error);
        }
    }
}
