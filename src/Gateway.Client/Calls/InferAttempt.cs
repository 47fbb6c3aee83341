using Gateway.Client.Messages;
using Gateway.Protocol.Frames;
using Gateway.Protocol.MessagePack;

namespace Gateway.Client.Calls;

/// <summary>Another attempt at an inference, after the first one failed.</summary>
internal sealed class InferAttempt : AwaitedCall
{
    public InferAttempt(InferenceRequest request) => Request = request;

    public override MessageKind Kind => MessageKind.Infer;

    public override string? ModelName => Request!.ModelName;

    public override string? ModelVersion => Request!.ModelVersion;

    public override long BodyBytes(long timeoutMicroseconds) => RequestWriter.Bytes(Request!, timeoutMicroseconds);

    public override void WriteBody(ref MessagePackWriter writer, long timeoutMicroseconds) => RequestWriter.Write(ref writer, Request!, timeoutMicroseconds);
}
