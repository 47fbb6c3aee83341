using System.Net;
using Google.Protobuf;

namespace Gateway.UnitTests.Grpc;

/// <summary>What came back on a call.</summary>
/// <param name="Status">gRPC's; -1 when there was none.</param>
/// <param name="Message">The status's text, decoded.</param>
/// <param name="Metadata">Headers and trailers together.</param>
internal sealed record GrpcAnswer(HttpStatusCode Http, int Status, string Message, IReadOnlyList<byte[]> Messages, IReadOnlyDictionary<string, string> Metadata, bool IsTrailersOnly)
{
    public T Single<T>(MessageParser<T> parser)
        where T : IMessage<T>
    {
        Assert.True(Status == 0, $"{Status}: {Message}");
        return parser.ParseFrom(Assert.Single(Messages));
    }
}
