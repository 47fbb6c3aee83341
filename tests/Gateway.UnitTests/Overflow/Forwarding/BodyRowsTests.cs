using System.Text;
using Gateway.Protocol.MessagePack;
using Gateway.Protocol.Protobuf;
using Gateway.Server.Overflow.Forwarding;

namespace Gateway.UnitTests.Overflow.Forwarding;

/// <summary>Rows of requests that nobody here reads.</summary>
public sealed class BodyRowsTests
{
    [Theory]
    [InlineData("""{"inputs":[{"name":"x","datatype":"INT64","shape":[7,2],"data":[1]}]}""", 7)]
    [InlineData("""{"id":"a","parameters":{"inputs":[1,2]},"inputs":[{"data":[[1],[2]],"name":"x","shape":[3]},{"name":"y","shape":[9]}]}""", 3)]
    [InlineData("""{"inputs":[{"name":"x","shape":[2,1],"parameters":{"binary_data_size":16}}]}\0\u0001\u0002""", 2)]
    [InlineData("""{"inputs":[{"name":"x","shape":[]}]}""", 1)]
    [InlineData("""{"inputs":[{"name":"x","shape":[-5]}]}""", 1)]
    [InlineData("""{"inputs":[{"name":"x","shape":["5"]}]}""", 1)]
    [InlineData("""{"inputs":[{"name":"x","shape":[99999999999999999999]}]}""", 1)]
    [InlineData("""{"inputs":[{"name":"x","shape":[9999999999]}]}""", int.MaxValue)]
    [InlineData("""{"inputs":[]}""", 1)]
    [InlineData("""{"inputs":5}""", 1)]
    [InlineData("""{"instances":[[1,2],[3,4],[5,6]]}""", 3)]
    [InlineData("""{"signature_name":"s","instances":[{"x":1},{"x":2}]}""", 2)]
    [InlineData("""{"instances":5}""", 1)]
    [InlineData("""{"inputs":{"x":[[1],[2],[3],[4]],"y":[1]}}""", 4)]
    [InlineData("""{"inputs":[[1],[2],[3]]}""", 3)]
    [InlineData("""{"inputs":[{"b64":"AA=="},{"b64":"AA=="}]}""", 2)]
    [InlineData("""{"inputs":{}}""", 1)]
    [InlineData("""{"text_input":"a"}""", 1)]
    [InlineData("""{"inputs":[{"shape":[4""", 1)]
    [InlineData("""{"inputs":[{"shape":""", 1)]
    [InlineData("[1,2]", 1)]
    [InlineData("no JSON", 1)]
    [InlineData("", 1)]
    public void Json_SaysItsRows(string body, int rows) => Assert.Equal(rows, BodyRows.OfJson(Encoding.UTF8.GetBytes(body)));

    [Fact]
    public void Grpc_SaysItsRows()
    {
        byte[] input = new byte[32];
        ProtobufWriter tensor = new(input);
        tensor.WriteText(1, "x"u8);
        tensor.WriteText(3, [6, 2]);
        byte[] message = new byte[64];
        ProtobufWriter writer = new(message.AsSpan(5));
        writer.WriteText(1, "m"u8);
        writer.WriteText(5, input.AsSpan(0, tensor.Position));

        Assert.Equal(6, BodyRows.OfGrpc(message.AsSpan(0, 5 + writer.Position)));
        Assert.Equal(1, BodyRows.OfGrpc(message.AsSpan(0, 5 + writer.Position - 1)));
        Assert.Equal(1, BodyRows.OfGrpc(message.AsSpan(0, 5)));
        Assert.Equal(1, BodyRows.OfGrpc(message.AsSpan(0, 3)));
        message[0] = 1;
        Assert.Equal(1, BodyRows.OfGrpc(message.AsSpan(0, 5 + writer.Position)));
    }

    [Fact]
    public void MessagePack_SaysItsRows()
    {
        byte[] message = new byte[128];
        MessagePackWriter writer = new(message);
        writer.WriteMapHeader(1);
        writer.WriteString("inputs"u8);
        writer.WriteArrayHeader(1);
        writer.WriteMapHeader(4);
        writer.WriteString("name"u8);
        writer.WriteString("x"u8);
        writer.WriteString("datatype"u8);
        writer.WriteString("INT64"u8);
        writer.WriteString("shape"u8);
        writer.WriteArrayHeader(2);
        writer.WriteInteger(5);
        writer.WriteInteger(1);
        writer.WriteString("data"u8);
        writer.WriteBinaryHeader(40);
        byte[] body = [.. message.AsSpan(0, writer.Position), .. new byte[40]];

        Assert.Equal(5, BodyRows.OfMessagePack(body));
        Assert.Equal(1, BodyRows.OfMessagePack(body.AsSpan(0, 10)));
        Assert.Equal(1, BodyRows.OfMessagePack([]));
    }
}
