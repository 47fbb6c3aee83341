using System.Buffers.Binary;
using System.Text;
using Gateway.Load.Carriers;
using Gateway.Load.Carriers.Http2;
using Gateway.Protocol.Http2;

namespace Gateway.UnitTests.Load.Carriers;

/// <summary>What a server of gRPC sends, as bytes.</summary>
internal static class ServerFrames
{
    /// <param name="settings">Pairs of a setting and its value.</param>
    public static byte[] Settings(params (int Id, uint Value)[] settings)
    {
        byte[] payload = new byte[6 * settings.Length];
        for (int i = 0; i < settings.Length; i++)
        {
            BinaryPrimitives.WriteUInt16BigEndian(payload.AsSpan(6 * i), (ushort)settings[i].Id);
            BinaryPrimitives.WriteUInt32BigEndian(payload.AsSpan((6 * i) + 2), settings[i].Value);
        }

        return Frame(FrameType.Settings, 0, 0, payload);
    }

    public static byte[] Head(int stream, string status = "200", bool ends = false) => Fields(stream, ends, (":status", status), ("content-type", "application/grpc"));

    public static byte[] Fields(int stream, bool ends, params (string Name, string Value)[] fields)
    {
        List<byte> block = [];
        foreach ((string name, string value) in fields)
        {
            byte[] bytes = Encoding.UTF8.GetBytes(value);
            block.AddRange([0, (byte)name.Length, .. Encoding.ASCII.GetBytes(name)]);
            HeaderBlock.Integer(block, 0, 7, bytes.Length);
            block.AddRange(bytes);
        }

        return Frame(FrameType.Headers, (byte)(FrameHeader.EndHeaders | (ends ? FrameHeader.EndStream : 0)), stream, [.. block]);
    }

    public static byte[] Message(int stream, string text)
    {
        byte[] message = new byte[5 + text.Length];
        BinaryPrimitives.WriteInt32BigEndian(message.AsSpan(1), text.Length);
        Encoding.ASCII.GetBytes(text, message.AsSpan(5));
        return Frame(FrameType.Data, 0, stream, message);
    }

    /// <summary>A whole answer.</summary>
    public static byte[] Answer(int stream, string text) => [.. Head(stream), .. Message(stream, text), .. Fields(stream, ends: true, ("grpc-status", "0"))];

    public static byte[] Number(FrameType type, int stream, params uint[] numbers)
    {
        byte[] payload = new byte[4 * numbers.Length];
        for (int i = 0; i < numbers.Length; i++) BinaryPrimitives.WriteUInt32BigEndian(payload.AsSpan(4 * i), numbers[i]);
        return Frame(type, 0, stream, payload);
    }

    public static byte[] Frame(FrameType type, byte flags, int stream, byte[] payload)
    {
        OutputBuffer output = new();
        payload.CopyTo(FrameHeader.Append(output, type, flags, stream, payload.Length));
        return output.Pending.ToArray();
    }

    /// <summary>Takes frames apart.</summary>
    public static List<(FrameHeader Header, byte[] Payload)> Parse(ReadOnlySpan<byte> bytes)
    {
        List<(FrameHeader, byte[])> frames = [];
        while (bytes.Length > 0)
        {
            FrameHeader header = FrameHeader.Read(bytes);
            frames.Add((header, bytes.Slice(FrameHeader.Bytes, header.Length).ToArray()));
            bytes = bytes[(FrameHeader.Bytes + header.Length)..];
        }

        return frames;
    }
}
