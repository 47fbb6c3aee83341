using System.Buffers.Binary;
using System.Text;
using Gateway.Core.Models;
using Gateway.Protocol.Tensors;
using Gateway.Server.Overflow.Forwarding;

namespace Gateway.UnitTests.Overflow.Forwarding;

public sealed class ZeroRequestTests
{
    [Fact]
    public void ToJson_EachKind_IsOneRowOfZeros()
    {
        ZeroRequest request = For(new TensorSignature("x", DataType.Fp32, -1, 3), new TensorSignature("s", DataType.Bytes, -1, -1), new TensorSignature("b", DataType.Bool))!;

        Assert.Equal(
            """{"inputs":[{"name":"x","datatype":"FP32","shape":[1,3],"data":[0,0,0]},{"name":"s","datatype":"BYTES","shape":[1,1],"data":[""]},{"name":"b","datatype":"BOOL","shape":[],"data":[false]}]}""",
            Encoding.UTF8.GetString(request.ToJson()));
    }

    [Fact]
    public void ToGrpc_AMessage_HasItsLengthBefore()
    {
        byte[] message = For(new TensorSignature("x", DataType.Int64, -1, 300), new TensorSignature("s", DataType.Bytes, -1))!.ToGrpc();

        Assert.Equal(0, message[0]);
        Assert.Equal(message.Length - 5, BinaryPrimitives.ReadInt32BigEndian(message.AsSpan(1)));
        Assert.True(message.Length > 2400);
    }

    // In JSON there are no halves.
    [Theory]
    [InlineData(DataType.Fp16, false)]
    [InlineData(DataType.Bf16, false)]
    [InlineData(DataType.Fp32, true)]
    public void Halves_AreSaidOverGrpcOnly(DataType type, bool fitsJson)
    {
        ZeroRequest request = For(new TensorSignature("i", DataType.Int64, -1), new TensorSignature("x", type, -1, 3))!;

        Assert.Equal(fitsJson, request.FitsJson);
        byte[] message = request.ToGrpc();
        Assert.Equal(message.Length - 5, BinaryPrimitives.ReadInt32BigEndian(message.AsSpan(1)));
    }

    [Theory]
    [InlineData(DataType.Invalid, 1)]
    [InlineData(DataType.Fp32, 65_537)]
    [InlineData(DataType.Fp32, long.MaxValue)]
    public void For_WhatCannotBeWritten_IsNone(DataType type, long size) => Assert.Null(For(new TensorSignature("x", type, size, 2)));

    private static ZeroRequest? For(params TensorSignature[] inputs) => ZeroRequest.For("m", new ModelSignature(inputs, []));
}
