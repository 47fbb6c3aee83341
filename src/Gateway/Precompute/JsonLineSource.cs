using Gateway.Files;

namespace Gateway.Precompute;

/// <summary>A file with a request of the Open Inference Protocol in JSON on each line; empty lines are passed over.</summary>
internal sealed class JsonLineSource(Stream stream) : IRequestSource
{
    private readonly LineReader _lines = new(stream);

    public long Position => _lines.Position;

    public long Length => _lines.Length;

    public bool TryNext(out PreparedRequest request)
    {
        request = default;
        if (!_lines.TryNext(out ReadOnlySpan<byte> line)) return false;
        request = new PreparedRequest(line.ToArray(), HeadLength: null);
        return true;
    }

    public void Dispose() => _lines.Dispose();
}
