using Gateway.Core.Models.Configuration.Reading;
using Gateway.Protocol.Tensors;

namespace Gateway.Core.Models.Configuration;

/// <summary>Checks the inputs and outputs of a configuration.</summary>
internal static class TensorConfigValidator
{
    /// <summary>Dimensions of the three that an image format stands for.</summary>
    private const int ImageDims = 3;

    public static void Check(ModelConfig config, bool isComplete, ConfigErrors errors)
    {
        CheckAll(config.Inputs, "input", isComplete, errors);
        CheckAll(config.Outputs, "output", isComplete, errors);
        for (int i = 0; i < config.Inputs.Count; i++)
        {
            InputConfig input = config.Inputs[i];
            if (input.Format != TensorFormat.None && input.Dims.Count != ImageDims && (isComplete || input.Dims.Count > 0))
            {
                errors.Add($"input[{i}].format", $"model input '{input.Name}': NHWC/NCHW require 3 dims");
            }
        }

        for (int i = 0; i < config.Outputs.Count; i++)
        {
            if (!ModelConfigValidator.IsInside(config.Outputs[i].LabelFilename))
            {
                errors.Add($"output[{i}].label_filename", $"'label_filename' must stay within the model's directory, got '{Suggestion.Shorten(config.Outputs[i].LabelFilename)}'");
            }
        }
    }

    private static void CheckAll(IReadOnlyList<TensorConfig> tensors, string section, bool isComplete, ConfigErrors errors)
    {
        HashSet<string> names = new(StringComparer.Ordinal);
        for (int i = 0; i < tensors.Count; i++)
        {
            TensorConfig tensor = tensors[i];
            string path = $"{section}[{i}]";
            string who = $"model {section} '{Suggestion.Shorten(tensor.Name)}'";
            if (tensor.Name.Length == 0) errors.Add(path, $"model {section} must specify 'name'");
            else if (!names.Add(tensor.Name)) errors.Add($"{path}.name", $"{who} is given twice");
            if (isComplete && tensor.DataType == DataType.Invalid) errors.Add(path, $"{who} must specify 'data_type'");
            if (isComplete && tensor.Dims.Count == 0) errors.Add(path, $"{who} must specify 'dims'");
            bool allValid = CheckDims(tensor.Dims, $"{path}.dims", $"{who} dimension", errors);
            if (tensor.Reshape is not { } reshape) continue;
            allValid &= CheckDims(reshape, $"{path}.reshape.shape", $"{who} reshape dimension", errors);
            if (tensor.Dims.Count == 0) errors.Add($"{path}.reshape", $"{who} must specify 'dims' along with 'reshape'");
            else if (allValid && !SameElements(tensor.Dims, reshape)) errors.Add($"{path}.reshape", $"{who} has different size for dims {ShapeText.Of(tensor.Dims)} and reshape {ShapeText.Of(reshape)}");
        }
    }

    private static bool CheckDims(IReadOnlyList<long> dims, string path, string who, ConfigErrors errors)
    {
        bool allValid = true;
        for (int i = 0; i < dims.Count; i++)
        {
            if (dims[i] is >= 1 or -1) continue;
            errors.Add($"{path}[{i}]", $"{who} must be integer >= 1, or -1 to indicate a variable-size dimension, got {dims[i]}");
            allValid = false;
        }

        return allValid;
    }

    /// <summary>Whether one shape can be read as the other: between any two dimensions of unknown size both have the same number of elements.</summary>
    private static bool SameElements(IReadOnlyList<long> dims, IReadOnlyList<long> reshape) => Runs(dims).SequenceEqual(Runs(reshape));

    private static List<UInt128> Runs(IReadOnlyList<long> dims)
    {
        List<UInt128> runs = [1];
        foreach (long dim in dims)
        {
            if (dim == -1) runs.Add(1);

            // Past any size a tensor can have the exact number no longer matters, only that it does not wrap round.
            else runs[^1] = runs[^1] > ulong.MaxValue ? UInt128.MaxValue : runs[^1] * (ulong)dim;
        }

        return runs;
    }
}
