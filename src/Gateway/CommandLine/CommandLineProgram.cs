using System.CommandLine;
using Gateway.Compiling;
using Gateway.Features;
using Gateway.Precompute;
using Gateway.Server.Hosting;

namespace Gateway.CommandLine;

/// <summary>Turns arguments into a command and its settings, and mistakes into one line each.</summary>
internal static class CommandLineProgram
{
    /// <summary>A command; returns the exit code.</summary>
    public delegate Task<int> Command(ServerOptions options);

    public static async Task<int> RunAsync(string[] args, Command serve, Command check, TextWriter output, TextWriter error)
    {
        Dictionary<Setting, Option<string[]>> flags = Setting.All.ToDictionary(setting => setting, SettingOption.Create);
        RootCommand root = new(
            "An inference gateway: serves a model repository in Triton's layout, and batches what comes together.\n\n"
            + "Each setting is a flag, an environment variable, and an entry of appsettings.json beside the program; the first of these that has it wins.\n"
            + "What is Gateway:HttpPort in the file is GATEWAY__HTTPPORT in the environment.");
        System.CommandLine.Command serving = new("serve", "Serve the models (what gateway does without a command).");
        System.CommandLine.Command checking = new("check", "Say whether the models and the settings are good, without serving.");
        foreach (Option<string[]> flag in flags.Values) root.Add(flag);
        root.Add(serving);
        root.Add(checking);
        PrecomputeArguments precomputing = new();
        root.Add(precomputing.Command);
        CompileArguments compiling = new();
        root.Add(compiling.Command);
        FeatureArguments features = new();
        root.Add(features.Command);
        root.SetAction((parsed, _) => RunAsync(parsed, flags, serve, error));
        serving.SetAction((parsed, _) => RunAsync(parsed, flags, serve, error));
        checking.SetAction((parsed, _) => RunAsync(parsed, flags, check, error));

        precomputing.Command.SetAction((parsed, cancellation) => RunAsync(
            parsed, flags, options => PrecomputeCommand.RunAsync(precomputing.Read(parsed), options, output, cancellation), error));

        compiling.Command.SetAction((parsed, _) => RunAsync(parsed, flags, options => CompileCommand.RunAsync(compiling.Read(parsed), options, output), error));

        features.Load.SetAction((parsed, cancellation) => RunAsync(
            parsed, flags, options => FeatureLoadCommand.RunAsync(features.Read(parsed), options, output, cancellation), error));

        // No response files: a file's name may start with @.
        ParseResult result = root.Parse(args, new ParserConfiguration { ResponseFileTokenReplacer = null });
        if (result.Errors.Count > 0)
        {
            Complain(error, [ParseMistake.Describe(result, flags.Keys)]);
            return ExitCode.BadSettings;
        }

        // Signals are the server's business: it finishes what it has accepted.
        InvocationConfiguration invocation = new() { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null, Output = output, Error = error };
        return await result.InvokeAsync(invocation).ConfigureAwait(false);
    }

    private static async Task<int> RunAsync(ParseResult parsed, Dictionary<Setting, Option<string[]>> flags, Command command, TextWriter error)
    {
        Dictionary<Setting, IReadOnlyList<string>> given = [];
        foreach ((Setting setting, Option<string[]> flag) in flags)
        {
            if (parsed.GetResult(flag) is not { Implicit: false }) continue;
            given[setting] = parsed.GetValue(flag) is { Length: > 0 } texts ? texts : ["true"];
        }

        ServerOptions options = SettingsReader.Read(AppContext.BaseDirectory, given, out IReadOnlyList<string> errors);
        if (errors.Count > 0)
        {
            Complain(error, errors);
            return ExitCode.BadSettings;
        }

        try
        {
            return await command(options).ConfigureAwait(false);
        }
        catch (StartupException exception)
        {
            Complain(error, [exception.Message]);
            return ExitCode.Failed;
        }
    }

    private static void Complain(TextWriter error, IReadOnlyList<string> problems)
    {
        foreach (string problem in problems) error.WriteLine($"gateway: {problem}");
    }
}
