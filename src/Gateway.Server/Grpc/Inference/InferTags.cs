namespace Gateway.Server.Grpc.Inference;

/// <summary>Tags of <c>ModelInferRequest</c> and what it contains, as src/Gateway.Protocol/Protos/grpc_service.proto numbers them: the field's number, and the wire type below it.</summary>
internal static class InferTags
{
    public const uint ModelName = (1 << 3) | Bytes;
    public const uint ModelVersion = (2 << 3) | Bytes;
    public const uint Id = (3 << 3) | Bytes;
    public const uint Parameters = (4 << 3) | Bytes;
    public const uint Inputs = (5 << 3) | Bytes;
    public const uint Outputs = (6 << 3) | Bytes;
    public const uint RawInputs = (7 << 3) | Bytes;

    public const uint InputName = (1 << 3) | Bytes;
    public const uint InputDataType = (2 << 3) | Bytes;
    public const uint InputShapePacked = (3 << 3) | Bytes;
    public const uint InputShape = (3 << 3) | Varint;
    public const uint InputParameters = (4 << 3) | Bytes;
    public const uint InputContents = (5 << 3) | Bytes;

    public const uint OutputName = (1 << 3) | Bytes;
    public const uint OutputParameters = (2 << 3) | Bytes;

    public const uint EntryKey = (1 << 3) | Bytes;
    public const uint EntryValue = (2 << 3) | Bytes;

    public const uint BoolParameter = (1 << 3) | Varint;
    public const uint Int64Parameter = (2 << 3) | Varint;
    public const uint StringParameter = (3 << 3) | Bytes;
    public const uint DoubleParameter = (4 << 3) | Fixed64;
    public const uint UInt64Parameter = (5 << 3) | Varint;

    private const uint Varint = 0;
    private const uint Fixed64 = 1;
    private const uint Bytes = 2;
}
