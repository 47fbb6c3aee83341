using Gateway.Protocol.Http2;

namespace Gateway.Server.Grpc.Http2;

/// <summary>Reads the header blocks of a connection's requests.</summary>
/// <remarks>
/// <b>Behaviour</b>: a client that calls the same again sends nothing but numbers of fields that it sent before; while those stand for the same, such a block is not read again.
/// <b>Threading</b>: one thread. <b>Cost</b>: a comparison of some ten bytes for such a call.
/// </remarks>
internal sealed class HeadReader
{
    // A client calls few methods again and again.
    private const int MostKnown = 4;
    private const int MostKnownBytes = 64;

    private readonly HpackDecoder _decoder = new();
    private readonly Known[] _known = new Known[MostKnown];
    private int _next;

    /// <summary>Reads a request's block.</summary>
    /// <param name="own">Filled where the block has to be read.</param>
    /// <returns>The fields, which may be those of other calls too.</returns>
    /// <exception cref="InvalidDataException">It is malformed.</exception>
    public RequestFields Read(ReadOnlySpan<byte> block, RequestFields own)
    {
        long state = _decoder.TableState;
        if (block.Length <= MostKnownBytes)
        {
            foreach (ref readonly Known known in _known.AsSpan())
            {
                if (known.State == state && known.Fields is not null && known.Block.AsSpan().SequenceEqual(block)) return known.Fields;
            }

            if (IsNumbers(block))
            {
                RequestFields fields = Fill(block, new RequestFields());
                _known[_next] = new Known(block.ToArray(), state, fields);
                _next = (_next + 1) % MostKnown;
                return fields;
            }
        }

        return Fill(block, own);
    }

    /// <summary>Passes over a block, of which the table has to know all the same.</summary>
    /// <returns>Whether it has pseudo-headers.</returns>
    /// <exception cref="InvalidDataException">It is malformed.</exception>
    public bool Skip(ReadOnlySpan<byte> block)
    {
        bool hasPseudo = false;
        for (int at = 0; _decoder.TryRead(block, ref at, out ReadOnlySpan<byte> name, out _);) hasPseudo |= name.Length > 0 && name[0] == (byte)':';
        return hasPseudo;
    }

    private RequestFields Fill(ReadOnlySpan<byte> block, RequestFields fields)
    {
        fields.Begin();
        for (int at = 0; _decoder.TryRead(block, ref at, out ReadOnlySpan<byte> name, out ReadOnlySpan<byte> value);) fields.Take(name, value);
        fields.End();
        return fields;
    }

    /// <summary>Whether there is nothing but numbers of one byte each.</summary>
    private static bool IsNumbers(ReadOnlySpan<byte> block)
    {
        foreach (byte each in block)
        {
            if (each is < 0x80 or byte.MaxValue) return false;
        }

        return true;
    }

    private readonly record struct Known(byte[] Block, long State, RequestFields? Fields);
}
