namespace Gateway.Core.Models;

/// <summary>What a model file says about itself: its inputs and outputs, in the file's order.</summary>
/// <param name="Inputs">Inputs a caller must provide; initializers that may be overridden are not among them.</param>
/// <param name="Outputs">Everything the graph can return.</param>
public sealed record ModelSignature(IReadOnlyList<TensorSignature> Inputs, IReadOnlyList<TensorSignature> Outputs);
