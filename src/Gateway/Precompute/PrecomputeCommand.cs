using System.Globalization;
using Gateway.CommandLine;
using Gateway.Server.Hosting;
using Spectre.Console;

namespace Gateway.Precompute;

/// <summary><c>gateway precompute</c>: asks a running server everything that a file has, so that it is in the cache.</summary>
/// <remarks>What is there already is a hit and costs next to nothing, so that a run that was broken off is simply run again.</remarks>
internal static class PrecomputeCommand
{
    public static async Task<int> RunAsync(PrecomputeOptions options, ServerOptions server, TextWriter output, CancellationToken cancellation)
    {
        using PrecomputeClient client = new(options, server.AccessToken);
        ModelInput[] inputs = await client.InputsAsync(cancellation).ConfigureAwait(false);
        PrecomputeTally tally = new();
        long start = TimeProvider.System.GetTimestamp();
        using (IRequestSource source = RequestFile.Open(options.Inputs, inputs))
        {
            IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(output) });
            await console.Progress().Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(), new RemainingTimeColumn()).StartAsync(async progress =>
            {
                ProgressTask bar = progress.AddTask(Markup.Escape(options.Model), maxValue: Math.Max(1, source.Length));
                await client.RunAsync(source, options.Concurrency, tally, position => bar.Value = Math.Max(bar.Value, position), cancellation).ConfigureAwait(false);
                bar.Value = bar.MaxValue;
            }).ConfigureAwait(false);
        }

        double seconds = Math.Max(1e-3, TimeProvider.System.GetElapsedTime(start).TotalSeconds);
        long all = tally.There + tally.Kept + tally.Collapsed + tally.NotKept + tally.Failed;
        output.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{all} requests in {seconds:F1} s ({all / seconds:F0}/s): {tally.Kept} kept, {tally.There} there before, {tally.Collapsed} joined another, {tally.NotKept} run and not kept, {tally.Failed} failed"));
        if (tally.FirstFailure is { } failure) output.WriteLine($"the first failure: {failure}");
        return tally.Failed == 0 && tally.NotKept == 0 ? ExitCode.Good : ExitCode.Failed;
    }
}
