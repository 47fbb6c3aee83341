using Gateway.Core.Execution;
using Gateway.Core.Models.Configuration;

namespace Gateway.Core.Models;

/// <summary>Makes a model version's layout from its configuration and its file.</summary>
internal static class ModelLayoutBuilder
{
    /// <summary>Largest batch: what is kept for each size (bindings, latencies) then stays within a few megabytes a model.</summary>
    public const int MostBatchRows = 65_536;

    /// <exception cref="ModelLoadException">The configuration and the file do not go together, or a label file cannot be read.</exception>
    public static ModelLayout Build(ModelSource source, ModelSignature signature)
    {
        ModelConfig config;
        try
        {
            config = ModelConfigCompletion.Complete(source.Declared, source.Name, signature);
        }
        catch (ModelConfigException error)
        {
            throw new ModelLoadException(error.Message, error);
        }

        if (config.MaxBatchSize > MostBatchRows) throw new ModelLoadException($"max_batch_size is {config.MaxBatchSize}; at most {MostBatchRows} can be served");
        return new ModelLayout(
            source.Name,
            source.Version,
            config,
            [.. config.Inputs.Select(input => Spec(input, []))],
            [.. config.Outputs.Select(output => Spec(output, ReadLabels(source, output)))]);
    }

    private static TensorSpec Spec(TensorConfig tensor, IReadOnlyList<string> labels)
    {
        long[] clientDims = [.. tensor.Dims];
        long[] modelDims = [.. tensor.ModelDims];
        if (tensor.Reshape is not null && (clientDims.Contains(-1) || modelDims.Contains(-1)))
        {
            throw new ModelLoadException($"'{tensor.Name}' has a reshape with dimensions of any size, which is not supported");
        }

        return new TensorSpec(tensor.Name, tensor.DataType, clientDims, modelDims, labels);
    }

    private static string[] ReadLabels(ModelSource source, OutputConfig output)
    {
        if (output.LabelFilename.Length == 0) return [];
        string path = Path.Combine(source.ModelDirectory, output.LabelFilename);
        try
        {
            return File.ReadAllLines(path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new ModelLoadException($"label_filename of output '{output.Name}': {error.Message}", error);
        }
    }
}
