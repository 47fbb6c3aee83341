using Gateway.Protocol.Frames;

namespace Gateway.Client.Calls;

/// <summary>A call that only names a model, or none: metadata, ready, ping.</summary>
internal sealed class ModelCall(MessageKind kind, string? modelName, string? modelVersion) : AwaitedCall
{
    public override MessageKind Kind => kind;

    public override string? ModelName => modelName;

    public override string? ModelVersion => modelVersion;
}
