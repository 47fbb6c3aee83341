using Gateway.Server.Grpc.Inference;
using Gateway.Server.Grpc.Messages;
using Google.Protobuf;

namespace Gateway.UnitTests.Grpc;

public sealed class InferPeekTests
{
    [Theory]
    [InlineData("2")]
    [InlineData("")]
    public void TryReadModel_BeforeWhatFollowsTheVersion_KnowsNothing(string version)
    {
        ModelInferRequest request = Requests.Raw("rank", [1, 3], 1, 2, 3);
        request.ModelVersion = version;
        byte[] bytes = request.ToByteArray();
        int known = 2 + 4 + (version.Length > 0 ? 2 + version.Length : 0);

        for (int length = 0; length < bytes.Length; length++)
        {
            bool isRead = InferPeek.TryReadModel(bytes.AsSpan(0, length), out var name, out var found);
            Assert.Equal(length > known, isRead);
            if (isRead) Assert.Equal(("rank", version), (Text(name), Text(found)));

            string Text(Gateway.Server.MessagePack.Slice slice) => System.Text.Encoding.UTF8.GetString(slice.Of(bytes));
        }
    }
}
