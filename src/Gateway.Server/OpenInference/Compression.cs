using System.Globalization;
using System.IO.Compression;
using System.IO.Pipelines;

namespace Gateway.Server.OpenInference;

/// <summary>Reads and applies the content codings of infer requests and answers.</summary>
internal static class Compression
{
    /// <summary>What may be sent, for the answer to a request in another coding.</summary>
    public const string Accepted = "gzip, deflate";

    private const byte GzipMagic = 0x1F;

    /// <returns>False when the coding is not one of those that are served.</returns>
    public static bool TryParse(ReadOnlySpan<char> coding, out ContentCoding result)
    {
        coding = coding.Trim();
        result = ContentCoding.Identity;
        if (coding.Length == 0 || coding.Equals("identity", StringComparison.OrdinalIgnoreCase)) return true;
        if (coding.Equals("gzip", StringComparison.OrdinalIgnoreCase)) result = ContentCoding.Gzip;
        else if (coding.Equals("deflate", StringComparison.OrdinalIgnoreCase)) result = ContentCoding.Deflate;
        else return false;
        return true;
    }

    /// <summary>Chooses the coding of an answer: the one of the highest weight, the first of equals.</summary>
    public static ContentCoding Choose(ReadOnlySpan<char> acceptEncoding)
    {
        ContentCoding best = ContentCoding.Identity;
        double bestWeight = 0;
        foreach (Range range in acceptEncoding.Split(','))
        {
            ReadOnlySpan<char> item = acceptEncoding[range];
            int parameters = item.IndexOf(';');
            ReadOnlySpan<char> name = parameters < 0 ? item : item[..parameters];
            double weight = parameters < 0 ? 1 : Weight(item[(parameters + 1)..]);
            if (name.Trim().Length == 0 || weight <= bestWeight || !TryParse(name, out ContentCoding coding)) continue;
            best = coding;
            bestWeight = weight;
        }

        return best;
    }

    public static string Name(ContentCoding coding) => coding == ContentCoding.Gzip ? "gzip" : "deflate";

    /// <summary>Puts decompression before a body. As in Triton its first byte says whether it is gzip or zlib, whichever the header named.</summary>
    public static async ValueTask<PipeReader> DecompressAsync(PipeReader body)
    {
        ReadResult result = await body.ReadAsync().ConfigureAwait(false);
        bool isGzip = !result.Buffer.IsEmpty && result.Buffer.FirstSpan[0] == GzipMagic;
        body.AdvanceTo(result.Buffer.Start);
        return PipeReader.Create(new InflateStream(body.AsStream(leaveOpen: true), isGzip));
    }

    /// <summary>Opens a stream that compresses into <paramref name="destination"/>; closing it completes the text.</summary>
    public static Stream Compress(ContentCoding coding, TextBuffer destination, CompressionLevel level = CompressionLevel.Fastest)
    {
        TextBufferStream sink = new(destination);
        return coding == ContentCoding.Gzip ? new GZipStream(sink, level) : new ZLibStream(sink, level);
    }

    /// <summary>The weight that a coding's parameters give; 0 when it cannot be read.</summary>
    private static double Weight(ReadOnlySpan<char> parameters)
    {
        parameters = parameters.Trim();
        if (!parameters.StartsWith("q=", StringComparison.OrdinalIgnoreCase)) return 1;
        return double.TryParse(parameters[2..], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double weight) ? weight : 0;
    }
}
