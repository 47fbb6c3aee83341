using System.Globalization;
using Gateway.CommandLine;
using Gateway.Core.Execution;
using Gateway.Core.Models;
using Gateway.Core.Models.Repository;
using Gateway.OnnxRuntime.Backend.Compiled;
using Gateway.OnnxRuntime.Environments;
using Gateway.Precompute;
using Gateway.Protocol.Tensors;
using Gateway.Server.Hosting;
using Spectre.Console;

namespace Gateway.Compiling;

/// <summary><c>gateway compile</c>: optimises a model for this machine, says how far its answers are from the model's and what it brings, and keeps it beside the model.</summary>
internal static class CompileCommand
{
    public static async Task<int> RunAsync(CompileOptions options, ServerOptions server, TextWriter output)
    {
        OrtEnvironment.TakeFrom(server.OnnxruntimeDirectory);
        IReadOnlyList<string> repositories = RepositoryFolders.Resolve(server.ModelRepository, Environment.CurrentDirectory, AppContext.BaseDirectory);

        // Its warnings come with each of many loads, and are of what is meant to be: that layouts are this machine's, that some nodes are the CPU's.
        using ILoggerFactory loggers = LoggerFactory.Create(logging =>
        {
            logging.AddGatewayLogging(server);
            logging.AddFilter("OnnxRuntime", LogLevel.Error);
        });
        try
        {
            ModelSource source = ModelVersions.Find(repositories, options.Model, options.Version);
            string name = string.Create(CultureInfo.InvariantCulture, $"{source.Name} {source.Version} for {options.Provider}");
            CompileReport? report = null;
            CompileTimes? times = null;
            IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(output) });
            await console.Progress().Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new ElapsedTimeColumn()).StartAsync(async progress =>
            {
                ProgressTask compiling = progress.AddTask("compiling"), comparing = progress.AddTask("comparing"), measuring = progress.AddTask("measuring");
                compiling.IsIndeterminate = true;
                await Task.Run(() =>
                {
                    using ModelCompiler compiler = new(source, options.Provider, TimeProvider.System, loggers);
                    using IRequestSource? requests = options.Inputs is null ? null : Open(options.Inputs, compiler.Layout);
                    report = compiler.Compile(requests is null ? null : Read(options.Inputs!, requests, compiler.Layout), options.Tolerance, () =>
                    {
                        Finish(compiling);
                        comparing.Value = requests is null ? comparing.MaxValue / 2 : comparing.MaxValue * requests.Position / Math.Max(1, requests.Length);
                    });
                    Finish(compiling);
                    Finish(comparing);
                    if (report.File is not null) times = compiler.Measure(part => measuring.Value = part * measuring.MaxValue);
                    Finish(measuring);
                }).ConfigureAwait(false);
            }).ConfigureAwait(false);
            Print(output, name, report!, times, options.Inputs);
            return report!.File is null ? ExitCode.Failed : ExitCode.Good;
        }
        catch (ModelLoadException error)
        {
            throw new StartupException($"{options.Model}: {error.Message}", error);
        }
    }

    private static void Finish(ProgressTask task)
    {
        task.IsIndeterminate = false;
        task.Value = task.MaxValue;
    }

    private static IRequestSource Open(string file, ModelLayout layout)
    {
        ModelInput[] inputs = [.. layout.Inputs.Select(input => new ModelInput(input.Name, input.DataType.WireName(), [.. layout.IsBatching ? [-1L] : Array.Empty<long>(), .. input.ClientDims.Dims]))];
        return RequestFile.Open(file, inputs);
    }

    private static IEnumerable<IReadOnlyList<TrialTensor>> Read(string file, IRequestSource requests, ModelLayout layout)
    {
        while (true)
        {
            IReadOnlyList<TrialTensor> tensors;
            try
            {
                if (!requests.TryNext(out PreparedRequest request)) break;
                tensors = RequestTensors.Read(request, layout);
            }
            catch (InvalidDataException error)
            {
                throw new StartupException($"--inputs: {file}: {error.Message}");
            }

            yield return tensors;
        }
    }

    private static void Print(TextWriter output, string name, CompileReport report, CompileTimes? times, string? inputs)
    {
        foreach ((string what, string value) in report.MadeOn) output.WriteLine($"{what + ":",-14}{value}");
        output.WriteLine($"{"compared on:",-14}{Number(report.Runs)} requests {(inputs is null ? "made up" : $"of {inputs}")}, with the model on the CPU without optimisation");
        foreach (OutputDifference difference in report.Differences)
        {
            output.WriteLine($"  {difference.Name} {difference.DataType.WireName()}: {difference} (allowed {difference.Tolerance.ToString("G3", CultureInfo.InvariantCulture)}){(difference.IsAccepted ? "" : ": too far")}");
        }

        if (report.File is null || times is null)
        {
            output.WriteLine($"{name}: not kept, for its answers are too far from the model's.");
            return;
        }

        output.WriteLine($"{"load:",-14}{Compared(times.LoadSource, times.LoadCompiled)}");
        foreach (RunTimes run in times.Runs) output.WriteLine($"{$"run of {run.Rows}:",-14}{Compared(run.Source, run.Compiled)}");
        if (times.Runs.Count == 0) output.WriteLine("run:          not measured, for made-up inputs do not run");
        output.WriteLine($"{name}: kept in {report.File}, {Number(report.Bytes)} bytes.");
    }

    private static string Compared(TimeSpan source, TimeSpan compiled) =>
        string.Create(CultureInfo.InvariantCulture, $"{Milliseconds(source)} ms the model, {Milliseconds(compiled)} ms compiled ({compiled / source:F2} of it)");

    private static string Milliseconds(TimeSpan time) => time.TotalMilliseconds.ToString(time.TotalMilliseconds < 10 ? "F3" : "F1", CultureInfo.InvariantCulture);

    private static string Number(long number) => number.ToString("N0", CultureInfo.InvariantCulture);
}
