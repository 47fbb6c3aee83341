using System.Text;
using Gateway.Protocol.Protobuf;
using Gateway.Protocol.Tensors;
using Gateway.Server.Grpc.Inference;
using Gateway.Server.Grpc.Messages;
using Gateway.Server.MessagePack;
using Google.Protobuf;
using DataType = Gateway.Protocol.Tensors.DataType;
using InferMessage = Gateway.Server.Grpc.Inference.InferMessage;

namespace Gateway.UnitTests.Grpc;

/// <summary>The decoder beside Google's own: the same bytes are taken or refused, and mean the same; strings that are not UTF-8 aside, which that one repairs.</summary>
public sealed class InferMessageFuzzTests
{
    private const int Messages = 30_000;

    private readonly InferMessage _message = new();

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Read_DamagedMessages_AgreesWithTheOracle(int seed)
    {
        Random random = new(seed);
        int taken = 0;
        for (int i = 0; i < Messages; i++)
        {
            byte[] bytes = RandomMessages.Infer(random);
            for (int damages = random.Next(4); damages > 0; damages--) bytes = RandomMessages.Damage(random, bytes);

            if (Compare(bytes, $"message {i} of seed {seed}")) taken++;
        }

        Assert.InRange(taken, Messages / 10, Messages * 9 / 10);
    }

    [Fact]
    public void Read_RandomBytes_AgreesWithTheOracle()
    {
        Random random = new(5);
        for (int i = 0; i < Messages; i++)
        {
            byte[] bytes = new byte[random.Next(24)];
            random.NextBytes(bytes);
            foreach (ref byte each in bytes.AsSpan()) each &= random.Next(3) == 0 ? (byte)0xFF : (byte)0x3F;

            Compare(bytes, $"bytes {i}");
        }
    }

    [Theory]
    [InlineData("", true)]
    [InlineData("0A00", true)]
    [InlineData("0A01FF", false)] // a name that is not UTF-8
    [InlineData("1A02C328", false)]
    [InlineData("3A02FFFF", true)] // raw bytes are any
    [InlineData("0A05", false)] // a length beyond the message
    [InlineData("0AFFFFFFFF0F", false)] // a length below 0
    [InlineData("00", false)] // field 0
    [InlineData("4B4C", true)] // an unknown group
    [InlineData("4B54", false)] // which another ends
    [InlineData("4B", false)]
    [InlineData("4C", false)]
    [InlineData("4E", false)] // wire type 6
    [InlineData("4F", false)]
    [InlineData("8A80808080808080808000", false)] // a tag of eleven bytes
    [InlineData("8A80808080808080800000", true)] // of ten, of which five count
    [InlineData("2A021800", true)] // a shape that is not packed
    [InlineData("2A031A0100", true)]
    [InlineData("2A071AFFFFFFFF0F", false)]
    [InlineData("22040A0161", false)] // an entry cut off
    [InlineData("22030A0161", true)] // one without a value
    [InlineData("2A052A0332020000", false)] // a float cut off
    [InlineData("2A062A0432020000", false)]
    [InlineData("0801", true)] // the name as a number is an unknown field
    public void Read_Cases_AgreeWithTheOracle(string hex, bool isGood) => Assert.Equal(isGood, Compare(Convert.FromHexString(hex), hex));

    [Theory]
    [InlineData(60)]
    [InlineData(98)]
    [InlineData(99)]
    [InlineData(100)]
    [InlineData(101)]
    [InlineData(102)]
    [InlineData(300)]
    public void Read_NestedGroups_AreLimitedAsInTheOracle(int levels)
    {
        byte[] groups = [.. Enumerable.Repeat((byte)0x4B, levels), .. Enumerable.Repeat((byte)0x4C, levels)];

        Compare(groups, $"{levels} groups");
        Compare([0x2A, .. Varint(groups.Length), .. groups], $"{levels} groups in an input");
        Compare([0x22, .. Varint(groups.Length), .. groups], $"{levels} groups in an entry");
        Compare([0x22, .. Varint(groups.Length + 1 + Varint(groups.Length).Length), 0x12, .. Varint(groups.Length), .. groups], $"{levels} groups in a parameter");
    }

    private static byte[] Varint(int value)
    {
        List<byte> bytes = [];
        for (; value >= 0x80; value >>= 7) bytes.Add((byte)(value | 0x80));
        bytes.Add((byte)value);
        return [.. bytes];
    }

    /// <returns>Whether both took it.</returns>
    private bool Compare(byte[] bytes, string what)
    {
        what = $"{what}: {Convert.ToHexString(bytes)}";
        ModelInferRequest? expected = null;
        try
        {
            expected = ModelInferRequest.Parser.ParseFrom(bytes);
        }
        catch (InvalidProtocolBufferException)
        {
        }

        bool isTaken;
        string reason = "";
        try
        {
            _message.Read(bytes);
            isTaken = true;
        }
        catch (ProtobufException error)
        {
            isTaken = false;
            reason = error.Message;
        }

        if (reason.StartsWith("a string that is not UTF-8", StringComparison.Ordinal) && expected is not null)
        {
            // The oracle repairs what the specification has refused.
            Assert.False(System.Text.Unicode.Utf8.IsValid(bytes), what);
            return false;
        }

        Assert.True(isTaken == expected is not null, $"{(isTaken ? "taken" : $"refused ({reason})")}, unlike by the oracle; {what}");
        if (expected is null) return false;
        Assert.True(expected.ModelName == Text(_message.ModelName) && expected.ModelVersion == Text(_message.ModelVersion) && expected.Id == Text(_message.Id), what);
        AssertParameters(expected.Parameters, _message.Parameters);
        Assert.Equal(expected.RawInputContents.Count, _message.RawInputs.Length);
        for (int i = 0; i < expected.RawInputContents.Count; i++) Assert.True(expected.RawInputContents[i].Span.SequenceEqual(_message.RawInputs[i].Of(bytes)), what);
        Assert.Equal(expected.Inputs.Count, _message.Inputs.Length);
        for (int i = 0; i < expected.Inputs.Count; i++) AssertInput(expected.Inputs[i], _message.Inputs[i]);
        Assert.Equal(expected.Outputs.Count, _message.Outputs.Length);
        for (int i = 0; i < expected.Outputs.Count; i++)
        {
            Assert.True(expected.Outputs[i].Name == Text(_message.Outputs[i].Name), what);
            AssertParameters(expected.Outputs[i].Parameters, _message.Of(_message.Outputs[i].Parameters));
        }

        return true;

        string Text(Slice slice) => Encoding.UTF8.GetString(slice.Of(bytes));

        void AssertParameters(IDictionary<string, InferParameter> wanted, ReadOnlySpan<InferParameterEntry> entries)
        {
            Dictionary<string, InferParameter> seen = [];
            foreach (ref readonly InferParameterEntry entry in entries)
            {
                seen[Text(entry.Name)] = entry.Kind switch
                {
                    ParameterKind.Bool => new InferParameter { BoolParam = entry.Bits != 0 },
                    ParameterKind.Int64 => new InferParameter { Int64Param = entry.Bits },
                    ParameterKind.String => new InferParameter { StringParam = Text(entry.Text) },
                    ParameterKind.Double => new InferParameter { DoubleParam = BitConverter.Int64BitsToDouble(entry.Bits) },
                    ParameterKind.UInt64 => new InferParameter { Uint64Param = (ulong)entry.Bits },
                    _ => new InferParameter(),
                };
            }

            Assert.True(wanted.Count == seen.Count, what);
            foreach ((string name, InferParameter value) in wanted)
            {
                // What the oracle knows nothing about it keeps, and compares.
                InferParameter known = value.Clone();
                Assert.True(known.ParameterChoiceCase == seen[name].ParameterChoiceCase && Choice(known).Equals(Choice(seen[name])), what);
            }
        }

        void AssertInput(ModelInferRequest.Types.InferInputTensor wanted, in InferInput seen)
        {
            Assert.True(wanted.Name == Text(seen.Name) && wanted.Datatype == Text(seen.DataType), what);
            Assert.True(wanted.Shape.Take(TensorShape.MaxRank).SequenceEqual(seen.Shape.Dims.ToArray()) && seen.HasTooManyDimensions == wanted.Shape.Count > TensorShape.MaxRank, what);
            AssertParameters(wanted.Parameters, _message.Of(seen.Parameters));
            Assert.True(wanted.Contents is not null == seen.HasContents, what);
            if (wanted.Contents is not { } contents) return;
            (DataType Type, int Count, byte[] Bytes)[] kinds =
            [
                (DataType.Bool, contents.BoolContents.Count, [.. contents.BoolContents.Select(each => each ? (byte)1 : (byte)0)]),
                (DataType.Int32, contents.IntContents.Count, [.. contents.IntContents.SelectMany(BitConverter.GetBytes)]),
                (DataType.Int64, contents.Int64Contents.Count, [.. contents.Int64Contents.SelectMany(BitConverter.GetBytes)]),
                (DataType.UInt32, contents.UintContents.Count, [.. contents.UintContents.SelectMany(BitConverter.GetBytes)]),
                (DataType.UInt64, contents.Uint64Contents.Count, [.. contents.Uint64Contents.SelectMany(BitConverter.GetBytes)]),
                (DataType.Fp32, contents.Fp32Contents.Count, [.. contents.Fp32Contents.SelectMany(BitConverter.GetBytes)]),
                (DataType.Fp64, contents.Fp64Contents.Count, [.. contents.Fp64Contents.SelectMany(BitConverter.GetBytes)]),
                (DataType.Bytes, contents.BytesContents.Count, [.. contents.BytesContents.SelectMany(each => BitConverter.GetBytes(each.Length).Concat(each.ToByteArray()))]),
            ];
            Assert.True(kinds.Sum(kind => (long)kind.Count) == seen.ContentElements, what);
            foreach ((DataType type, int count, byte[] raw) in kinds)
            {
                Assert.True(count > 0 == ((seen.ContentFields >> InferContents.FieldOf(type)) & 1) > 0, what);
                if (type == DataType.Bytes) Assert.True(raw.Length == seen.ContentTextBytes, what);
                byte[] written = new byte[raw.Length];
                InferContents.Write(seen.Body.Of(bytes), type, written, "x");
                Assert.True(raw.AsSpan().SequenceEqual(written), $"{type}; {what}");
            }
        }
    }

    private static object Choice(InferParameter parameter) => parameter.ParameterChoiceCase switch
    {
        InferParameter.ParameterChoiceOneofCase.BoolParam => parameter.BoolParam,
        InferParameter.ParameterChoiceOneofCase.Int64Param => parameter.Int64Param,
        InferParameter.ParameterChoiceOneofCase.StringParam => parameter.StringParam,
        InferParameter.ParameterChoiceOneofCase.DoubleParam => BitConverter.DoubleToInt64Bits(parameter.DoubleParam),
        InferParameter.ParameterChoiceOneofCase.Uint64Param => parameter.Uint64Param,
        _ => "",
    };
}
