using System.Buffers;
using System.Buffers.Binary;
using System.Text;
using Gateway.Core.Overflow.Reports;

namespace Gateway.Server.Overflow.Reports;

/// <summary>What a gateway tells others of itself and its models when they ask: the body of <c>GET /gateway/load</c>.</summary>
/// <remarks>
/// Little-endian: "GWLR", version (1 byte, 1), state (1), port of gRPC (2, 0 for none), flags (1; 1: gRPC over TLS), one of zero, models (2), instance (8); then of each model: length of
/// its name in UTF-8 (2), name, version (8), latest (1), signature (8), load (24).
/// </remarks>
/// <param name="Instance">Tells processes apart.</param>
/// <param name="GrpcPort">0 for none.</param>
internal sealed record ServerReport(ulong Instance, ReplicaState State, int GrpcPort, bool IsGrpcTls, IReadOnlyList<ModelReport> Models)
{
    /// <summary>Where it is asked for.</summary>
    public const string Path = "/gateway/load";

    /// <summary>Most bytes that one is read from: some 4,000 models of long names.</summary>
    public const int MostBytes = 1 << 20;

    private const int HeadBytes = 20;
    private const int ModelBytes = 2 + 8 + 1 + 8 + LoadReport.Bytes;
    private const byte Version = 1;

    private static ReadOnlySpan<byte> Magic => "GWLR"u8;

    public void Write(IBufferWriter<byte> output)
    {
        Span<byte> head = output.GetSpan(HeadBytes);
        Magic.CopyTo(head);
        head[4] = Version;
        head[5] = (byte)State;
        BinaryPrimitives.WriteUInt16LittleEndian(head[6..], (ushort)GrpcPort);
        head[8] = IsGrpcTls ? (byte)1 : (byte)0;
        head[9] = 0;
        BinaryPrimitives.WriteUInt16LittleEndian(head[10..], (ushort)Models.Count);
        BinaryPrimitives.WriteUInt64LittleEndian(head[12..], Instance);
        output.Advance(HeadBytes);
        foreach (ModelReport model in Models) Write(output, model);
    }

    /// <returns>Null for what is no report of this version, or not a whole one.</returns>
    public static ServerReport? Read(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length < HeadBytes || !bytes.StartsWith(Magic) || bytes[4] != Version || bytes[5] > (byte)ReplicaState.Draining) return null;
        int count = BinaryPrimitives.ReadUInt16LittleEndian(bytes[10..]);
        ServerReport head = new(BinaryPrimitives.ReadUInt64LittleEndian(bytes[12..]), (ReplicaState)bytes[5], BinaryPrimitives.ReadUInt16LittleEndian(bytes[6..]), (bytes[8] & 1) != 0, []);
        bytes = bytes[HeadBytes..];

        // Not by what the count says: a model takes more than that many bytes.
        if (count * ModelBytes > bytes.Length) return null;
        ModelReport[] models = new ModelReport[count];
        for (int i = 0; i < count; i++)
        {
            if (!TryRead(ref bytes, out models[i])) return null;
        }

        return bytes.IsEmpty ? head with { Models = models } : null;
    }

    private static void Write(IBufferWriter<byte> output, in ModelReport model)
    {
        int length = Encoding.UTF8.GetByteCount(model.Name);
        Span<byte> span = output.GetSpan(ModelBytes + length);
        BinaryPrimitives.WriteUInt16LittleEndian(span, (ushort)length);
        Encoding.UTF8.GetBytes(model.Name, span[2..]);
        Span<byte> rest = span[(2 + length)..];
        BinaryPrimitives.WriteInt64LittleEndian(rest, model.Version);
        rest[8] = model.IsLatest ? (byte)1 : (byte)0;
        BinaryPrimitives.WriteUInt64LittleEndian(rest[9..], model.Signature);
        model.Load.Write(rest[17..]);
        output.Advance(ModelBytes + length);
    }

    private static bool TryRead(ref ReadOnlySpan<byte> bytes, out ModelReport model)
    {
        model = default;
        if (bytes.Length < ModelBytes) return false;
        int length = BinaryPrimitives.ReadUInt16LittleEndian(bytes);
        if (length == 0 || bytes.Length < ModelBytes + length) return false;
        ReadOnlySpan<byte> rest = bytes[(2 + length)..];
        if (LoadReport.Read(rest[17..]) is not { } load) return false;
        model = new ModelReport(Encoding.UTF8.GetString(bytes.Slice(2, length)), BinaryPrimitives.ReadInt64LittleEndian(rest), rest[8] != 0, BinaryPrimitives.ReadUInt64LittleEndian(rest[9..]), load);
        bytes = bytes[(ModelBytes + length)..];
        return model.Version > 0;
    }
}
