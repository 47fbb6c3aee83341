using System.Buffers;
using System.IO.Pipelines;
using Microsoft.AspNetCore.Http.Features;

namespace Gateway.Server.Overflow.Forwarding;

/// <summary>A request body that has been read, for who reads it again: from its start each time.</summary>
internal sealed class BufferedBody(ReadOnlyMemory<byte> bytes) : IRequestBodyPipeFeature
{
    public PipeReader Reader { get; } = PipeReader.Create(new ReadOnlySequence<byte>(bytes));
}
