using System.CommandLine;
using Gateway.Features;
using Gateway.Server.Hosting;

namespace Gateway.CommandLine;

/// <summary>The arguments of <c>gateway features load</c>.</summary>
internal sealed class FeatureArguments
{
    private readonly Option<string> _view = new("--view") { Description = "The feature view to put rows into.", HelpName = "NAME", Required = true };
    private readonly Option<string> _file = new("--file") { Description = "Where the rows are: a .csv (key, numbers), a .npz (arrays keys and rows), or a .jsonl ({\"key\": …, \"row\": […]} on each line).", HelpName = "FILE", Required = true };
    private readonly Option<string> _server = ServerOption.Create();

    public System.CommandLine.Command Command { get; } = new("features", "Change the feature views of a running server.");

    public System.CommandLine.Command Load { get; } = new("load", "Put what a file has into a feature view.");

    public FeatureArguments()
    {
        foreach (Option option in new Option[] { _view, _file, _server }) Load.Add(option);
        Command.Add(Load);
    }

    /// <exception cref="StartupException">One of them cannot be used; the message names it.</exception>
    public FeatureLoadOptions Read(ParseResult parsed) => new(parsed.GetValue(_view)!, parsed.GetValue(_file)!, ServerOption.Read(parsed, _server));
}
