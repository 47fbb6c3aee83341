using Gateway.Protocol.Tensors;

namespace Gateway.Client;

/// <summary>What a server says about itself.</summary>
public sealed record ServerMetadata(string Name, string Version, IReadOnlyList<string> Extensions);

/// <summary>What a server says about a model.</summary>
/// <param name="Versions">Its versions that are ready, or the one asked for.</param>
public sealed record ModelMetadata(
    string Name, IReadOnlyList<string> Versions, string Platform, IReadOnlyList<TensorMetadata> Inputs, IReadOnlyList<TensorMetadata> Outputs);

/// <summary>An input or an output of a model.</summary>
/// <param name="Shape">-1 stands for any size.</param>
public sealed record TensorMetadata(string Name, DataType DataType, IReadOnlyList<long> Shape);
