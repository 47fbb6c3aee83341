using System.Text;
using Gateway.Core.Memory.Shared;

namespace Gateway.Server.OpenInference;

/// <summary>What the parameters of an input or an output say of shared memory; of each, the first one counts.</summary>
internal ref struct SharedMemoryParameters
{
    private JsonString _region;
    private ulong _offset;
    private ulong _byteSize;
    private bool _hasOffset;
    private bool _hasByteSize;

    public bool HasRegion { get; private set; }

    /// <summary>Takes a member, if it is one of these.</summary>
    /// <returns>False when it is not, and is to be passed over.</returns>
    public bool TryRead(scoped ref JsonCursor cursor, JsonString key)
    {
        if (key.Is("shared_memory_region"u8) && !HasRegion)
        {
            _region = JsonValues.ReadString(ref cursor, "shared_memory_region");
            HasRegion = true;
        }
        else if (key.Is("shared_memory_offset"u8) && !_hasOffset)
        {
            _offset = JsonValues.ReadUnsigned(ref cursor, "shared_memory_offset");
            _hasOffset = true;
        }
        else if (key.Is("shared_memory_byte_size"u8) && !_hasByteSize)
        {
            _byteSize = JsonValues.ReadUnsigned(ref cursor, "shared_memory_byte_size");
            _hasByteSize = true;
        }
        else
        {
            return false;
        }

        return true;
    }

    /// <summary>Checks that they go together.</summary>
    public readonly void Check(string tensor)
    {
        if (HasRegion)
        {
            if (!_hasByteSize) throw Errors.Invalid($"'shared_memory_byte_size' must be specified along with 'shared_memory_region' parameter for tensor '{tensor}'");
            return;
        }

        if (_hasOffset) throw Errors.Invalid($"'shared_memory_offset' can not be specified without 'shared_memory_region' parameter for tensor '{tensor}'");
        if (_hasByteSize) throw Errors.Invalid($"'shared_memory_byte_size' can not be specified without 'shared_memory_region' parameter for tensor '{tensor}'");
    }

    /// <summary>Takes the part of the region; the caller must release it.</summary>
    public readonly SharedRange Take(SharedRegions regions) =>
        regions.Take(_region.HasEscapes ? Encoding.UTF8.GetBytes(_region.ToString()) : _region.Raw, _offset, _byteSize);
}
