using Gateway.Protocol.Tensors;

namespace Gateway.Core.Models.Configuration;

/// <summary>What clients see of one tensor, and how that maps to the model's own shape.</summary>
public abstract record TensorConfig
{
    public required string Name { get; init; }

    /// <summary>Element type; <see cref="Protocol.Tensors.DataType.Invalid"/> leaves it to the model file.</summary>
    public DataType DataType { get; init; }

    /// <summary>Dimensions of one row (without the batch dimension, when the model has one); -1 is any size; empty leaves them to the model file.</summary>
    public IReadOnlyList<long> Dims { get; init; } = [];

    /// <summary>Dimensions the model itself wants in place of <see cref="Dims"/>; empty is a scalar; null when they are the same.</summary>
    public IReadOnlyList<long>? Reshape { get; init; }

    /// <summary>Dimensions of one row as the model file has them.</summary>
    public IReadOnlyList<long> ModelDims => Reshape ?? Dims;
}

/// <summary>One input of a model.</summary>
public sealed record InputConfig : TensorConfig
{
    /// <summary>How three dimensions are meant, for clients that prepare images; the batcher does not act on it.</summary>
    public TensorFormat Format { get; init; }
}

/// <summary>One output of a model.</summary>
public sealed record OutputConfig : TensorConfig
{
    /// <summary>File of class labels, one a line, relative to the model's directory; empty when there is none.</summary>
    public string LabelFilename { get; init; } = "";
}

/// <summary>Order of an image's dimensions.</summary>
public enum TensorFormat
{
    None = 0,
    Nhwc = 1,
    Nchw = 2,
}
