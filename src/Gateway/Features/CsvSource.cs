using System.Text;
using Gateway.Core.Features.Configuration;
using Gateway.Files;
using Gateway.Protocol.Tensors;

namespace Gateway.Features;

/// <summary>A row on each line: its key, then its numbers, row-major, with commas between.</summary>
/// <remarks>
/// Any cell may stand in quotes, in which two quotes are one, as RFC 4180 has it; but a line ends where it ends, quotes or not. The first line is a heading if its second cell is no number. <b>Ownership</b>: owns the lines.
/// </remarks>
internal sealed class CsvSource(LineReader lines, FeatureViewConfig config) : IFeatureSource
{
    private const int MostShown = 40;

    private readonly int _size = config.DataType.Size();
    private byte[] _unquoted = new byte[256];

    public long Position => lines.Position;

    public long Length => lines.Length;

    public bool TryNext(FeatureBatch batch)
    {
        while (lines.TryNext(out ReadOnlySpan<byte> line))
        {
            // The mark that some programs begin UTF-8 with.
            if (lines.Number == 1 && line.StartsWith("\uFEFF"u8)) line = line[3..];
            try
            {
                if (lines.Number == 1 && IsHeading(line)) continue;
                Read(line, batch);
            }
            catch (InvalidDataException error)
            {
                throw new InvalidDataException($"line {lines.Number}: {error.Message}");
            }

            return true;
        }

        return false;
    }

    public void Dispose() => lines.Dispose();

    private void Read(ReadOnlySpan<byte> line, FeatureBatch batch)
    {
        Span<byte> row = batch.NextRow();
        ReadOnlySpan<byte> key = Cell(ref line, out bool isLast);

        // The next cell may need the room that it stands in.
        if (!isLast) key = key.ToArray();
        int at = 0;
        while (!isLast)
        {
            ReadOnlySpan<byte> cell = Cell(ref line, out isLast);
            if (at == row.Length) throw Count(more: true);
            if (!RowNumbers.TryParse(config.DataType, cell, row.Slice(at, _size))) throw new InvalidDataException($"'{Encoding.UTF8.GetString(cell[..Math.Min(MostShown, cell.Length)])}' is no {config.DataType.WireName()}");
            at += _size;
        }

        if (at < row.Length) throw Count(more: false);
        batch.Add(key);
    }

    private bool IsHeading(ReadOnlySpan<byte> line)
    {
        Cell(ref line, out bool isLast);
        return !isLast && !RowNumbers.TryParse(config.DataType, Cell(ref line, out _), stackalloc byte[sizeof(double)]);
    }

    private ReadOnlySpan<byte> Cell(ref ReadOnlySpan<byte> line, out bool isLast)
    {
        if (line.Length > 0 && line[0] == '"') return Quoted(ref line, out isLast);
        int end = line.IndexOf((byte)',');
        isLast = end < 0;
        ReadOnlySpan<byte> cell = isLast ? line : line[..end];
        line = isLast ? default : line[(end + 1)..];
        return cell.Trim((byte)' ');
    }

    private ReadOnlySpan<byte> Quoted(ref ReadOnlySpan<byte> line, out bool isLast)
    {
        if (_unquoted.Length < line.Length) _unquoted = new byte[2 * line.Length];
        int length = 0;
        line = line[1..];
        while (true)
        {
            int quote = line.IndexOf((byte)'"');
            if (quote < 0) throw new InvalidDataException("a quoted cell does not end");
            line[..quote].CopyTo(_unquoted.AsSpan(length));
            length += quote;
            line = line[(quote + 1)..];
            if (line.Length == 0 || line[0] != '"') break;
            _unquoted[length++] = (byte)'"';
            line = line[1..];
        }

        line = line.TrimStart((byte)' ');
        isLast = line.Length == 0;
        if (!isLast && line[0] != ',') throw new InvalidDataException("something follows a quoted cell");
        line = isLast ? default : line[1..];
        return _unquoted.AsSpan(0, length);
    }

    private InvalidDataException Count(bool more) => new($"there are {(more ? "more" : "fewer")} numbers than the {config.RowBytes / _size} of a row of {config.DataType.WireName()} {config.Row}");
}
