using Gateway.Core.Models.Configuration.Reading;
using Gateway.Protocol.Tensors;

namespace Gateway.Core.Models.Configuration;

/// <summary>Fills a configuration's tensors from the model file's and compares the two; the batch size is settled before.</summary>
internal sealed class TensorCompletion(ModelConfig config, ModelSignature file, ConfigErrors errors)
{
    private bool HasBatchDimension => config.MaxBatchSize > 0;

    public ModelConfig Complete()
    {
        List<InputConfig> inputs = [.. config.Inputs.Select((t, i) => Fill(t, file.Inputs, "input", i))];
        foreach (TensorSignature missing in file.Inputs.Where(f => inputs.All(i => i.Name != f.Name)))
        {
            inputs.Add(Fill(new InputConfig { Name = missing.Name }, file.Inputs, "input", inputs.Count));
        }

        // A configuration that lists some outputs serves just those; one that lists none serves all.
        IEnumerable<OutputConfig> listed = config.Outputs.Count > 0 ? config.Outputs : file.Outputs.Select(f => new OutputConfig { Name = f.Name });
        return config with { Inputs = inputs, Outputs = [.. listed.Select((t, i) => Fill(t, file.Outputs, "output", i))] };
    }

    private T Fill<T>(T tensor, IReadOnlyList<TensorSignature> signatures, string section, int index) where T : TensorConfig
    {
        string path = $"{section}[{index}]";
        TensorSignature? found = signatures.FirstOrDefault(s => s.Name == tensor.Name);
        if (found is null)
        {
            errors.Add($"{path}.name", $"unexpected inference {section} '{Suggestion.Shorten(tensor.Name)}', allowed {section}s are: {string.Join(", ", signatures.Select(s => s.Name))}");
            return tensor;
        }

        T typed = FillType(tensor, found, section, path);
        return HasBatchDimension && !CanBatch(found, path) ? typed : FillDims(typed, found, path);
    }

    private T FillType<T>(T tensor, TensorSignature found, string section, string path) where T : TensorConfig
    {
        if (found.DataType == DataType.Invalid)
        {
            errors.Add(path, $"unable to load model '{config.Name}', {section} '{found.Name}' has an element type that this server cannot carry");
        }
        else if (tensor.DataType == DataType.Invalid)
        {
            return tensor with { DataType = found.DataType };
        }
        else if (tensor.DataType != found.DataType)
        {
            errors.Add(
                $"{path}.data_type",
                $"unable to load model '{config.Name}', configuration expects datatype {tensor.DataType.ConfigName()} for {section} '{found.Name}', model provides {found.DataType.ConfigName()}");
        }

        return tensor;
    }

    private bool CanBatch(TensorSignature found, string path)
    {
        if (found.Dims.Count > 0 && found.Dims[0] == -1) return true;
        string names = found.DimNames.Any(n => !string.IsNullOrEmpty(n)) ? $", by its names {ShapeText.Of(found)}" : "";
        errors.Add(
            $"{path}.dims",
            $"model '{config.Name}', tensor '{found.Name}': for the model to support batching the shape should have at least 1 dimension and the first dimension must be -1; "
            + $"but shape expected by the model is {ShapeText.Of(found.Dims)}{names}; for a model without a batch dimension set max_batch_size to 0 and write whole shapes");
        return false;
    }

    private T FillDims<T>(T tensor, TensorSignature found, string path) where T : TensorConfig
    {
        long[] row = [.. found.Dims.Skip(HasBatchDimension ? 1 : 0)];
        if (tensor.Dims.Count == 0)
        {
            // Clients always see at least one dimension, as with Triton; the model gets its scalar.
            return row.Length > 0 ? tensor with { Dims = row } : tensor with { Dims = [1], Reshape = [] };
        }

        if (row.Length == 0 && !HasBatchDimension) return CheckScalar(tensor, path);
        if (!Fits(tensor, row)) errors.Add(tensor.Reshape is null ? $"{path}.dims" : $"{path}.reshape", DescribeMismatch(tensor, found));
        return tensor;
    }

    private T CheckScalar<T>(T tensor, string path) where T : TensorConfig
    {
        if (tensor.ModelDims.All(d => d == 1)) return tensor with { Reshape = [] };
        errors.Add(
            $"{path}.dims",
            $"unable to load model '{config.Name}', scalar tensor '{tensor.Name}', should only provide 1 in the model configuration when the model doesn't support batching. "
            + $"Model configuration provided: {ShapeText.Of(tensor.ModelDims)}.");
        return tensor;
    }

    /// <summary>Inputs may be narrower than the file says; of outputs the configuration cannot promise more than the file does.</summary>
    private static bool Fits(TensorConfig tensor, long[] row) =>
        row.Length == tensor.ModelDims.Count
        && row.Zip(tensor.ModelDims).All(d => d.First == d.Second || (d.First == -1 && tensor is InputConfig));

    private string DescribeMismatch(TensorConfig tensor, TensorSignature found)
    {
        long[] stated = HasBatchDimension ? [-1, .. tensor.ModelDims] : [.. tensor.ModelDims];
        string detail = HasBatchDimension
            ? $"an initial batch dimension because max_batch_size > 0 followed by the explicit tensor shape, making complete shape {ShapeText.Of(stated)}"
            : $"shape {ShapeText.Of(stated)}";
        return $"model '{config.Name}', tensor '{found.Name}': the model expects {found.Dims.Count} dimensions (shape {ShapeText.Of(found.Dims)}) "
            + $"but the model configuration specifies {stated.Length} dimensions ({detail})";
    }
}
