using System.Buffers.Binary;
using Gateway.Harness.Models;
using Gateway.Protocol.Frames;
using Gateway.Protocol.MessagePack;

namespace Gateway.Harness.Load;

/// <summary>The bytes of one infer call as a frame, sent again and again with other numbers, and what its answer must look like.</summary>
/// <remarks>Numbers of calls begin at <see cref="FirstCall"/>, so that all take as many bytes.</remarks>
internal sealed class FrameExchange
{
    /// <summary>From here to 65,535 a number takes three bytes.</summary>
    public const int FirstCall = 256;

    private readonly byte[] _frame;
    private readonly int _callAt;

    private FrameExchange(byte[] frame, int callAt, int outputBytes)
    {
        _frame = frame;
        _callAt = callAt;
        OutputBytes = outputBytes;
    }

    public int FrameBytes => _frame.Length;

    /// <summary>Bytes of the output tensor that each answer must bring.</summary>
    public int OutputBytes { get; }

    /// <summary>What tells each call from all others; null where all are the same.</summary>
    public Func<long>? Numbers { get; set; }

    /// <summary>What a connection begins with.</summary>
    public static byte[] Hello { get; } = Frame(new MessageHead(MessageKind.Hello, 0), static (ref MessagePackWriter writer) =>
    {
        writer.WriteMapHeader(1);
        writer.WriteString("version"u8);
        writer.WriteInteger(Protocol.Frames.Frame.Version);
    });

    /// <param name="timeoutMicroseconds">Time that each call gives the server; 0 for none.</param>
    public static FrameExchange For(BenchModel model, int rows = 1, long timeoutMicroseconds = 0)
    {
        MessageHead head = new(MessageKind.Infer, FirstCall);
        byte[] tensor = model.RandomRows(rows);
        byte[] frame = Frame(head, (ref MessagePackWriter writer) =>
        {
            writer.WriteMapHeader(timeoutMicroseconds > 0 ? 3 : 2);
            if (timeoutMicroseconds > 0)
            {
                writer.WriteString("parameters"u8);
                writer.WriteMapHeader(1);
                writer.WriteString("timeout"u8);
                writer.WriteInteger(timeoutMicroseconds);
            }

            writer.WriteString("model_name"u8);
            writer.WriteString(model.Name);
            writer.WriteString("inputs"u8);
            writer.WriteArrayHeader(1);
            writer.WriteMapHeader(4);
            writer.WriteString("name"u8);
            writer.WriteString(BenchModel.InputName);
            writer.WriteString("datatype"u8);
            writer.WriteString(model.DataType);
            writer.WriteString("shape"u8);
            writer.WriteArrayHeader(1 + model.InputDims.Count);
            writer.WriteInteger(rows);
            foreach (int dimension in model.InputDims) writer.WriteInteger(dimension);
            writer.WriteString("data"u8);
            writer.WriteBinary(tensor);
        });
        return new FrameExchange(frame, head.FrameBytes - sizeof(ushort), rows * model.OutputBytes);
    }

    /// <summary>Makes all calls from here on another request than those before.</summary>
    public void Renew(long number) => Stamp.Write(_frame, number);

    /// <summary>Writes the frame of one call.</summary>
    public void Write(Span<byte> to, int call)
    {
        if (Numbers is not null) Renew(Numbers());
        _frame.CopyTo(to);
        BinaryPrimitives.WriteUInt16BigEndian(to[_callAt..], (ushort)call);
    }

    private static byte[] Frame(MessageHead head, WriteBody write)
    {
        byte[] body = new byte[256 * 1024];
        MessagePackWriter writer = new(body);
        write(ref writer);
        byte[] frame = new byte[head.FrameBytes + writer.Position];
        head.WriteFrame(frame, writer.Position);
        body.AsSpan(0, writer.Position).CopyTo(frame.AsSpan(head.FrameBytes));
        return frame;
    }

    private delegate void WriteBody(ref MessagePackWriter writer);
}
