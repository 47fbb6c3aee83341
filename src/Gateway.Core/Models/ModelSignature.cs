namespace Gateway.Core.Models;

/// <summary>What a model file says about itself: its inputs and outputs, in the file's order.</summary>
/// <param name="Inputs">Inputs a caller must provide; initializers that may be overridden are not among them.</param>
/// <param name="Outputs">Everything the graph can return.</param>
/// <param name="MaxBatchSize">The most rows that whoever runs it takes at once, 0 for a model without a batch dimension; null where nothing says so, as in ONNX files.</param>
public sealed record ModelSignature(IReadOnlyList<TensorSignature> Inputs, IReadOnlyList<TensorSignature> Outputs, int? MaxBatchSize = null);
