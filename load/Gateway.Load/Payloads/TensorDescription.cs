using Gateway.Protocol.Tensors;

namespace Gateway.Load.Payloads;

/// <param name="Shape">−1 for any size.</param>
internal sealed record TensorDescription(string Name, DataType DataType, IReadOnlyList<long> Shape);
