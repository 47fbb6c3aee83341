using System.Buffers.Binary;
using Gateway.Protocol.Http2;

namespace Gateway.Load.Carriers.Http2;

/// <summary>What the other side of a connection allows.</summary>
internal struct PeerSettings
{
    private const int EntryBytes = 6;
    private const int LargestFrame = (1 << 24) - 1;

    public PeerSettings()
    {
    }

    /// <summary>Bytes of its table of headers.</summary>
    public int TableBytes { get; private set; } = HpackTable.DefaultBytes;

    /// <summary>Streams at a time.</summary>
    public int MostStreams { get; private set; } = int.MaxValue;

    /// <summary>Bytes that a new stream may send.</summary>
    public int StreamWindow { get; private set; } = 65_535;

    /// <summary>Payload of a frame.</summary>
    public int MostFrame { get; private set; } = FrameHeader.MostPayload;

    /// <summary>Takes the payload of a SETTINGS frame; settings that are not known are passed over.</summary>
    /// <exception cref="InvalidDataException">One has a value that it must not have.</exception>
    public void Apply(ReadOnlySpan<byte> payload)
    {
        if (payload.Length % EntryBytes != 0) throw new InvalidDataException("the server's settings are cut short");
        for (; payload.Length > 0; payload = payload[EntryBytes..])
        {
            uint value = BinaryPrimitives.ReadUInt32BigEndian(payload[2..]);
            int bounded = (int)Math.Min(value, int.MaxValue);
            switch (BinaryPrimitives.ReadUInt16BigEndian(payload))
            {
                case 1:
                    TableBytes = bounded;
                    break;
                case 3:
                    MostStreams = bounded;
                    break;
                case 4:
                    StreamWindow = value <= int.MaxValue ? bounded : throw new InvalidDataException($"the server's window of {value} bytes is none");
                    break;
                case 5:
                    MostFrame = value is >= FrameHeader.MostPayload and <= LargestFrame ? bounded : throw new InvalidDataException($"the server's frame size of {value} bytes is none");
                    break;
            }
        }
    }
}
