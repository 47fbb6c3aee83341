using Gateway.Protocol.Tensors;
namespace Gateway.Core.Models;
public sealed record TensorSignature(string Name, DataType DataType, IReadOnlyList<long> Dims);
public sealed record ModelSignature(IReadOnlyList<TensorSignature> Inputs, IReadOnlyList<TensorSignature> Outputs);
