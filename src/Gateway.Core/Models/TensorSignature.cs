using Gateway.Protocol.Tensors;

namespace Gateway.Core.Models;

/// <summary>One input or output as the model file itself declares it.</summary>
/// <param name="Name">The tensor's name in the graph.</param>
/// <param name="DataType">Element type; <see cref="Protocol.Tensors.DataType.Invalid"/> when the file uses a type the server cannot carry.</param>
/// <param name="Dims">Every dimension, the batch dimension included; -1 where the size is known only at run time; empty for a scalar.</param>
/// <param name="DimNames">The file's names of the dimensions, one for each, null where a dimension has none; empty when not known.</param>
public sealed record TensorSignature(string Name, DataType DataType, IReadOnlyList<long> Dims, IReadOnlyList<string?> DimNames)
{
    public TensorSignature(string name, DataType dataType, params long[] dims) : this(name, dataType, dims, [])
    {
    }
}
