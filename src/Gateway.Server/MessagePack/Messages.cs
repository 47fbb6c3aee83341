using System.Globalization;
using System.Text;
using Gateway.Core.Models;
using Gateway.Core.Scheduling;
using Gateway.Protocol;
using Gateway.Protocol.Frames;
using Gateway.Protocol.MessagePack;
using Gateway.Protocol.Tensors;

namespace Gateway.Server.MessagePack;

/// <summary>Writes the bodies of all messages but the answers of inference requests. They are rare, and each is an array of its own.</summary>
internal static class Messages
{
    // Where nothing better is known: the shortest wait that Retry-After can say over HTTP.
    private const int RetryAfterMilliseconds = 1000;

    // What a map, its keys and its numbers take at most, names aside.
    private const int Room = 128;
    private const int RoomATensor = 64 + (TensorShape.MaxRank * 9);
    private const int MostUtf8BytesAChar = 3;

    /// <summary>Bytes of the longest body for a refused request.</summary>
    public const int MostRefusalBytes = Room + RefusalText.MostBytes;

    public static byte[] Nil() => Write(Room, static (ref MessagePackWriter writer) => writer.WriteNil());

    /// <param name="retryAfter">When another attempt makes sense; null where nothing is known about that.</param>
    /// <param name="refusal">Why a request was refused, in one word; null where it was not.</param>
    public static byte[] Error(StatusCode status, string text, TimeSpan? retryAfter = null, string? refusal = null) =>
        Write(Room + (MostUtf8BytesAChar * text.Length), (ref MessagePackWriter writer) => WriteError(ref writer, status, Encoding.UTF8.GetBytes(text), retryAfter, refusal));

    /// <summary>Writes the body for a refused request, which an overload brings by the hundred thousand a second.</summary>
    /// <param name="to">At least <see cref="MostRefusalBytes"/>.</param>
    /// <returns>Bytes written.</returns>
    public static int Refusal(Span<byte> to, in RefusalText refusal, TimeSpan? retryAfter)
    {
        Span<byte> text = stackalloc byte[RefusalText.MostBytes];
        text = text[..refusal.Write(text)];
        MessagePackWriter writer = new(to);
        WriteError(ref writer, StatusCode.Unavailable, text, retryAfter, refusal.Reason.WireName());
        return writer.Position;
    }

    private static void WriteError(ref MessagePackWriter writer, StatusCode status, scoped ReadOnlySpan<byte> text, TimeSpan? retryAfter, string? refusal)
    {
        bool mayRetry = status is StatusCode.Unavailable or StatusCode.ResourceExhausted;
        writer.WriteMapHeader(2 + (mayRetry ? 1 : 0) + (refusal is null ? 0 : 1));
        writer.WriteString("code"u8);
        writer.WriteString(status.WireName());
        writer.WriteString("error"u8);
        writer.WriteString(text);
        if (refusal is not null)
        {
            writer.WriteString("refusal"u8);
            writer.WriteString(refusal);
        }

        if (!mayRetry) return;
        writer.WriteString("retry_after_ms"u8);
        writer.WriteInteger(retryAfter is { } after ? (long)Math.Ceiling(after.TotalMilliseconds) : RetryAfterMilliseconds);
    }

    public static byte[] Goodbye(string why) =>
        Write(Room + (MostUtf8BytesAChar * why.Length), (ref MessagePackWriter writer) =>
        {
            writer.WriteMapHeader(1);
            writer.WriteString("error"u8);
            writer.WriteString(why);
        });

    public static byte[] Hello(string server, string version, int window, long maxFrameBytes) =>
        Write(Room + (MostUtf8BytesAChar * (server.Length + version.Length)), (ref MessagePackWriter writer) =>
        {
            writer.WriteMapHeader(5);
            writer.WriteString("version"u8);
            writer.WriteInteger(Frame.Version);
            writer.WriteString("server"u8);
            writer.WriteString(server);
            writer.WriteString("server_version"u8);
            writer.WriteString(version);
            writer.WriteString("window"u8);
            writer.WriteInteger(window);
            writer.WriteString("max_frame_bytes"u8);
            writer.WriteInteger(maxFrameBytes);
        });

    public static byte[] Ready(bool isReady) =>
        Write(Room, (ref MessagePackWriter writer) =>
        {
            writer.WriteMapHeader(1);
            writer.WriteString("ready"u8);
            writer.WriteBoolean(isReady);
        });

    public static byte[] ServerMetadata(string name, string version, IReadOnlyList<string> extensions) =>
        Write(Room + (MostUtf8BytesAChar * (name.Length + version.Length + extensions.Sum(extension => extension.Length + 2))), (ref MessagePackWriter writer) =>
        {
            writer.WriteMapHeader(3);
            writer.WriteString("name"u8);
            writer.WriteString(name);
            writer.WriteString("version"u8);
            writer.WriteString(version);
            writer.WriteString("extensions"u8);
            WriteStrings(ref writer, extensions);
        });

    /// <param name="versions">The versions to list, ascending.</param>
    public static byte[] ModelMetadata(ServedModel model, IReadOnlyList<ServedModel> versions)
    {
        string platform = model.Config.Platform.Length > 0 ? model.Config.Platform : model.Config.Backend;
        string[] numbers = [.. versions.Select(version => version.Version.ToString(CultureInfo.InvariantCulture))];
        int names = model.Name.Length + platform.Length + numbers.Sum(number => number.Length + 2);
        int tensors = model.Inputs.Concat(model.Outputs).Sum(tensor => RoomATensor + tensor.Utf8Name.Length);
        return Write(Room + (MostUtf8BytesAChar * names) + tensors, (ref MessagePackWriter writer) =>
        {
            writer.WriteMapHeader(5);
            writer.WriteString("name"u8);
            writer.WriteString(model.Name);
            writer.WriteString("versions"u8);
            WriteStrings(ref writer, numbers);
            writer.WriteString("platform"u8);
            writer.WriteString(platform);
            writer.WriteString("inputs"u8);
            WriteTensors(ref writer, model.Inputs, model.Layout.IsBatching);
            writer.WriteString("outputs"u8);
            WriteTensors(ref writer, model.Outputs, model.Layout.IsBatching);
        });
    }

    private static void WriteStrings(ref MessagePackWriter writer, IReadOnlyList<string> texts)
    {
        writer.WriteArrayHeader(texts.Count);
        foreach (string text in texts) writer.WriteString(text);
    }

    private static void WriteTensors(ref MessagePackWriter writer, IReadOnlyList<TensorSpec> tensors, bool isBatching)
    {
        writer.WriteArrayHeader(tensors.Count);
        foreach (TensorSpec tensor in tensors)
        {
            writer.WriteMapHeader(3);
            writer.WriteString("name"u8);
            writer.WriteString(tensor.Utf8Name);
            writer.WriteString("datatype"u8);
            writer.WriteString(tensor.DataType.WireName());
            writer.WriteString("shape"u8);
            writer.WriteArrayHeader(tensor.ClientDims.Rank + (isBatching ? 1 : 0));
            if (isBatching) writer.WriteInteger(-1);
            foreach (long dimension in tensor.ClientDims.Dims) writer.WriteInteger(dimension);
        }
    }

    private static byte[] Write(int room, WriteBody write)
    {
        byte[] bytes = new byte[room];
        MessagePackWriter writer = new(bytes);
        write(ref writer);
        return bytes[..writer.Position];
    }

    private delegate void WriteBody(ref MessagePackWriter writer);
}
