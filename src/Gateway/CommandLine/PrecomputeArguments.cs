using System.CommandLine;
using System.Globalization;
using Gateway.Precompute;
using Gateway.Server.Hosting;

namespace Gateway.CommandLine;

/// <summary>The arguments of <c>gateway precompute</c>.</summary>
internal sealed class PrecomputeArguments
{
    private readonly Option<string> _model = new("--model") { Description = "The model whose cache is to be filled.", HelpName = "NAME", Required = true };
    private readonly Option<string?> _version = new("--model-version") { Description = "Its version; without it the highest.", HelpName = "VERSION" };
    private readonly Option<string> _inputs = new("--inputs") { Description = "What to ask: a .npy or .npz whose rows are the requests, or a file with a request in JSON on each line.", HelpName = "FILE", Required = true };
    private readonly Option<string> _server = ServerOption.Create();
    private readonly Option<string> _concurrency = new("--concurrency")
    {
        Description = $"Requests under way at any time. Default: {PrecomputeOptions.DefaultConcurrency}.",
        HelpName = "N",
        DefaultValueFactory = static _ => PrecomputeOptions.DefaultConcurrency.ToString(CultureInfo.InvariantCulture),
    };

    public System.CommandLine.Command Command { get; } = new("precompute", "Ask a running server everything that a file has, so that its answers are in the model's cache.");

    public PrecomputeArguments()
    {
        foreach (Option option in new Option[] { _model, _version, _inputs, _server, _concurrency }) Command.Add(option);
    }

    /// <exception cref="StartupException">One of them cannot be used; the message names it.</exception>
    public PrecomputeOptions Read(ParseResult parsed)
    {
        Uri address = ServerOption.Read(parsed, _server);
        string concurrency = parsed.GetValue(_concurrency)!;
        if (!int.TryParse(concurrency, NumberStyles.None, CultureInfo.InvariantCulture, out int requests) || requests is < 1 or > PrecomputeOptions.MostConcurrency)
        {
            throw new StartupException($"--concurrency: '{concurrency}' is not valid (allowed 1 to {PrecomputeOptions.MostConcurrency})");
        }

        return new PrecomputeOptions(parsed.GetValue(_model)!, parsed.GetValue(_version), parsed.GetValue(_inputs)!, address, requests);
    }
}
