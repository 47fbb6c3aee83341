using System.Buffers;
using System.Buffers.Binary;
using System.Buffers.Text;
using Gateway.Protocol;
using Gateway.Server.OpenInference;

namespace Gateway.Server.TensorFlow;

/// <summary>Reads the strings of nested lists into the raw form, a 32-bit length before each: text, or bytes as <c>{"b64": "…"}</c>.</summary>
internal static class PredictStrings
{
    /// <param name="value">At lists whose shape is known to be even, or at one string.</param>
    /// <param name="destination">At least as large as <see cref="TensorJsonReader.MostRawBytes"/> says.</param>
    /// <returns>Bytes written.</returns>
    public static int Read(scoped ref JsonCursor value, Span<byte> destination, string name)
    {
        int depth = 0;
        int written = 0;
        do
        {
            byte next = value.Peek();
            if (next is (byte)'[' or (byte)']' or (byte)',')
            {
                depth += next == '[' ? 1 : next == ']' ? -1 : 0;
                value.TryTake(next);
                continue;
            }

            Span<byte> target = destination[(written + sizeof(uint))..];
            int length = next == '{' ? ReadBase64(ref value, target) : next == '"' ? value.ReadString().CopyTo(target) : throw NoString(name);
            BinaryPrimitives.WriteUInt32LittleEndian(destination[written..], (uint)length);
            written += sizeof(uint) + length;
        }
        while (depth > 0);
        return written;
    }

    private static int ReadBase64(scoped ref JsonCursor value, Span<byte> target)
    {
        value.TryTake((byte)'{');
        bool isFirst = true;
        if (!value.TryNextMember(ref isFirst, out JsonString name) || !name.Is("b64"u8) || value.Peek() != '"') throw Errors.Invalid("not formatted correctly for base64 data");
        JsonString text = value.ReadString();
        if (value.TryNextMember(ref isFirst, out _)) throw Errors.Invalid("not formatted correctly for base64 data");
        int length = text.CopyTo(target);
        if (Base64.DecodeFromUtf8InPlace(target[..length], out int decoded) == OperationStatus.Done) return decoded;

        // Without the padding at its end, or in the alphabet for addresses.
        byte[] bytes;
        try
        {
            bytes = Base64Url.DecodeFromChars(text.ToString().Replace('+', '-').Replace('/', '_').TrimEnd('='));
        }
        catch (FormatException)
        {
            throw Errors.Invalid("Unable to base64 decode");
        }

        bytes.CopyTo(target);
        return bytes.Length;
    }

    private static InferenceException NoString(string name) => Errors.Invalid($"JSON Value of input '{name}' is not of expected type: string");
}
