using System.Globalization;
using System.Security.Cryptography;

namespace Gateway.Server.Overflow;

/// <summary>What tells this process from all other gateways, and from itself before its last start.</summary>
internal sealed class GatewayIdentity
{
    /// <summary>Characters of <see cref="InstanceText"/>.</summary>
    public const int TextLength = 16;

    private int _sequence;

    public ulong Instance { get; } = BitConverter.ToUInt64(RandomNumberGenerator.GetBytes(sizeof(ulong)));

    /// <summary>The instance in hexadecimal.</summary>
    public string InstanceText => field ??= Instance.ToString("x16", CultureInfo.InvariantCulture);

    public ushort Boot => (ushort)(Instance >> 48);

    /// <summary>A number for the next report.</summary>
    public uint NextSequence() => (uint)Interlocked.Increment(ref _sequence);
}
