using Gateway.Server.MessagePack;

namespace Gateway.Server.Grpc.Inference;

/// <summary>What the parameters of an input or an output say.</summary>
internal struct TensorParameters
{
    /// <summary>Whether it lies in shared memory, or is to.</summary>
    public bool HasRegion;

    /// <summary>The region's name.</summary>
    public Slice Region;

    public ulong Offset;
    public ulong ByteSize;

    /// <summary>Whether an input's data are keys of a feature view.</summary>
    public bool HasView;

    /// <summary>The view's name.</summary>
    public Slice View;

    /// <summary>How many of an output's best classes are wanted; 0 for the tensor itself.</summary>
    public uint Classes;
}
