using Gateway.Protocol.Tensors;

namespace Gateway.OnnxRuntime.Backend.Compiled;

/// <summary>A tensor that a model is tried with, or that it answers.</summary>
/// <param name="Shape">As the model file has it, the batch dimension included.</param>
/// <param name="Raw">Elements as the protocol's binary tensors have them.</param>
public sealed record TrialTensor(string Name, DataType DataType, IReadOnlyList<long> Shape, ReadOnlyMemory<byte> Raw);
