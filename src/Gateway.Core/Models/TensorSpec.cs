using System.Text;
using Gateway.Protocol.Tensors;

namespace Gateway.Core.Models;

/// <summary>One input or output of a served model, as clients see it and as the model file does.</summary>
public sealed class TensorSpec
{
    /// <param name="clientDims">Dimensions that clients see, without the batch dimension; -1 for any size.</param>
    /// <param name="modelDims">Dimensions that the model file has (they differ only by a configured <c>reshape</c>), without the batch dimension.</param>
    /// <param name="labels">Class labels by index; empty when the model has none.</param>
    public TensorSpec(string name, DataType dataType, ReadOnlySpan<long> clientDims, ReadOnlySpan<long> modelDims, IReadOnlyList<string> labels)
    {
        Name = name;
        Utf8Name = Encoding.UTF8.GetBytes(name);
        DataType = dataType;
        ClientDims = new TensorShape(clientDims);
        ModelDims = new TensorShape(modelDims);
        Labels = labels;
        HasFreeDimensions = clientDims.Contains(-1);
        RowBytes = dataType.Size() > 0 && ModelDims.TryCountElements(out long elements) && elements * dataType.Size() <= int.MaxValue
            ? (int)elements * dataType.Size()
            : -1;
    }

    public string Name { get; }

    public byte[] Utf8Name { get; }

    public DataType DataType { get; }

    public TensorShape ClientDims { get; }

    public TensorShape ModelDims { get; }

    public IReadOnlyList<string> Labels { get; }

    /// <summary>Bytes of one row; -1 when rows differ (a dimension of any size, or strings).</summary>
    public int RowBytes { get; }

    /// <summary>Whether requests choose a dimension of its rows.</summary>
    public bool HasFreeDimensions { get; }

    /// <summary>Whether a configured <c>reshape</c> stands between clients and model.</summary>
    public bool IsReshaped => ClientDims != ModelDims;
}
