using System.Buffers;
using Gateway.Server.MessagePack;
using Gateway.Server.OpenInference;

namespace Gateway.Server.Grpc.Wire;

/// <summary>How messages are compressed: gzip, or deflate, which here is zlib's format. Their names, and compressing itself, are as over HTTP: <see cref="Compression"/>.</summary>
internal static class MessageCoding
{
    public const string EncodingHeader = "grpc-encoding";
    public const string AcceptHeader = "grpc-accept-encoding";

    /// <summary>What is taken.</summary>
    public const string Accepted = "identity,deflate,gzip";

    private const int ChunkBytes = 16 * 1024;

    /// <returns>Null for a coding that is not served.</returns>
    public static ContentCoding? Parse(string? name) => name switch
    {
        null or "" or "identity" => ContentCoding.Identity,
        "gzip" => ContentCoding.Gzip,
        "deflate" => ContentCoding.Deflate,
        _ => null,
    };

    /// <summary>Chooses the coding of an answer: gzip where the client takes it, else deflate, else none.</summary>
    public static ContentCoding Choose(ReadOnlySpan<char> accepted)
    {
        ContentCoding best = ContentCoding.Identity;
        foreach (Range range in accepted.Split(','))
        {
            switch (accepted[range].Trim())
            {
                case "gzip":
                    return ContentCoding.Gzip;
                case "deflate":
                    best = ContentCoding.Deflate;
                    break;
            }
        }

        return best;
    }

    /// <summary>Decompresses a message.</summary>
    /// <param name="from">Holds it.</param>
    /// <param name="to">Gets the result.</param>
    /// <param name="most">Most bytes of the result.</param>
    /// <exception cref="GrpcException">It is damaged, cut short, goes on after its end, or is too large.</exception>
    /// <exception cref="Protocol.InferenceException">The pool has no memory.</exception>
    public static void Decompress(ContentCoding coding, MessageBlock from, MessageBlock to, long most)
    {
        to.Begin(-1, 0);
        byte[] chunk = ArrayPool<byte>.Shared.Rent(ChunkBytes);
        try
        {
            using InflateStream stream = new(new BlockStream(from), coding == ContentCoding.Gzip);
            while (stream.Read(chunk) is var count and > 0)
            {
                if (to.Bytes + (long)count > most) throw GrpcMessageReader.TooLarge(to.Bytes + (long)count, most);
                ReadOnlySequence<byte> part = new(chunk, 0, count);
                to.Take(ref part);
            }
        }
        catch (InvalidDataException error)
        {
            throw new GrpcException(GrpcStatus.Internal, $"Failed to decompress the message: {error.Message}");
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(chunk);
        }
    }
}
