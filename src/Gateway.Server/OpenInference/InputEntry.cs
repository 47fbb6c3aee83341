using Gateway.Protocol.Tensors;

namespace Gateway.Server.OpenInference;

/// <summary>One element of <c>inputs</c> while it is read: its members may come in any order.</summary>
internal ref struct InputEntry()
{
    public JsonString Name;
    public bool HasName;
    public JsonString DataTypeName;
    public bool HasDataType;
    public TensorShape Shape;
    public bool HasShape;

    /// <summary>The shape has more dimensions than are served.</summary>
    public bool HasTooManyDimensions;

    public bool HasParameters;

    /// <summary>Where <c>data</c> begins; -1 when there is none.</summary>
    public int DataPosition = -1;

    public bool IsDataRead;

    /// <summary><c>binary_data_size</c>, when given.</summary>
    public ulong BinaryBytes;

    public bool HasBinaryBytes;
    public SharedMemoryParameters SharedMemory;

    /// <summary><c>feature_view</c>, when given: the data are keys of its rows.</summary>
    public JsonString FeatureView;

    public bool HasFeatureView;

    /// <summary>Which of the model's inputs it is; -1 until it has been looked up.</summary>
    public int Index = -1;

    public DataType DataType;
    public long Elements;
    public int Offset;
    public int ByteLength;

    /// <summary>Whether enough is known to read <c>data</c> where it stands.</summary>
    public readonly bool IsDescribed => HasName && HasShape && HasDataType;
}
