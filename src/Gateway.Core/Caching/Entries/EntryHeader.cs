using System.Runtime.InteropServices;

namespace Gateway.Core.Caching.Entries;

/// <summary>What an entry says of itself; 96 bytes.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 8)]
internal struct EntryHeader
{
    /// <summary><see cref="Entry.Magic"/>.</summary>
    public ulong Magic;

    /// <summary>Bytes of the whole entry.</summary>
    public int Bytes;

    /// <summary>How many outputs it has.</summary>
    public int Outputs;

    /// <summary>When the model was asked for the answer, in milliseconds of Unix time; 0 for an entry that nobody is to find any more.</summary>
    public long Created;

    /// <summary>The model version that it is of; see <see cref="ModelCache.Id"/>.</summary>
    public ulong Model;

    /// <summary>That model version's load generation, the first half of it.</summary>
    public ulong Generation;

    /// <summary>Which of two entries of one key is the later, where they may be read in another order than they were written in; 0 where they may not.</summary>
    public long Order;

    /// <summary>The key's two halves.</summary>
    public UInt128 Hash;

    public UInt128 Check;

    /// <summary>Digest of everything else.</summary>
    public UInt128 Seal;
}
