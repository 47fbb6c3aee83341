using System.CommandLine;
using System.Globalization;
using Gateway.Compiling;
using Gateway.Server.Hosting;

namespace Gateway.CommandLine;

/// <summary>The arguments of <c>gateway compile</c>.</summary>
internal sealed class CompileArguments
{
    private readonly Option<string> _model = new("--model") { Description = "The model of the repository to compile.", HelpName = "NAME", Required = true };
    private readonly Option<string?> _version = new("--model-version") { Description = "Its version; without it the highest.", HelpName = "VERSION" };
    private readonly Option<string> _provider = new("--for") { Description = $"What is to run it: {string.Join(", ", CompileOptions.Providers)}. It has to be there, for what is compiled holds for what it was made on.", HelpName = "PROVIDER", Required = true };
    private readonly Option<string?> _inputs = new("--inputs") { Description = "What to compare the compiled model's answers on, as for precompute: a .npy or .npz whose rows are requests, or a file with a request in JSON on each line. Without it: made-up inputs.", HelpName = "FILE" };
    private readonly Option<string?> _tolerance = new("--tolerance") { Description = "Largest difference of a number with a fraction, as a part of it (or of 1, if it is smaller), with which what was compiled is kept. Default: 1e-3 for FP32, 1e-6 for FP64, 1e-2 for FP16, 5e-2 for BF16; others have to be the same.", HelpName = "X" };
    private readonly Option<string> _precision = new("--precision") { Description = "The precision to compile to: model, which is what the file has. Default: model.", HelpName = "PRECISION", DefaultValueFactory = static _ => CompileOptions.ModelPrecision };

    public System.CommandLine.Command Command { get; } = new("compile", "Optimise a model for this machine ahead, and keep the result beside it, where serving finds it.");

    public CompileArguments()
    {
        foreach (Option option in new Option[] { _model, _version, _provider, _inputs, _tolerance, _precision }) Command.Add(option);
    }

    /// <exception cref="StartupException">One of them cannot be used; the message names it.</exception>
    public CompileOptions Read(ParseResult parsed)
    {
        string? version = parsed.GetValue(_version), tolerance = parsed.GetValue(_tolerance);
        long number = 0;
        double allowed = 0;
        if (version is not null && (!long.TryParse(version, NumberStyles.None, CultureInfo.InvariantCulture, out number) || number < 1)) throw new StartupException($"--model-version: '{version}' is not valid (allowed a number from 1)");
        if (tolerance is not null && (!double.TryParse(tolerance, NumberStyles.Float, CultureInfo.InvariantCulture, out allowed) || !double.IsFinite(allowed) || allowed < 0)) throw new StartupException($"--tolerance: '{tolerance}' is not valid (allowed a number from 0)");
        string provider = parsed.GetValue(_provider)!;
        if (!CompileOptions.Providers.Contains(provider)) throw new StartupException($"--for: '{provider}' is not valid (allowed {string.Join(", ", CompileOptions.Providers)})");
        string precision = parsed.GetValue(_precision)!;
        if (precision != CompileOptions.ModelPrecision)
        {
            throw new StartupException($"--precision: '{precision}' is not valid (allowed {CompileOptions.ModelPrecision}: ONNX Runtime does not convert a graph to another precision; export the model in it, or have TensorRT do it with its accelerator's precision_mode)");
        }

        return new CompileOptions(parsed.GetValue(_model)!, version is null ? null : number, provider, parsed.GetValue(_inputs), tolerance is null ? null : allowed);
    }
}
