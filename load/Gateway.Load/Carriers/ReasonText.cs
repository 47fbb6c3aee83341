namespace Gateway.Load.Carriers;

/// <summary>The name of a status, and behind it the server's reason for a refusal.</summary>
/// <remarks><b>Ownership</b>: what it gives holds until it is asked again. <b>Threading</b>: one thread. <b>Cost</b>: no allocation.</remarks>
internal sealed class ReasonText
{
    private readonly byte[] _text = new byte[128];

    /// <param name="refusal">Empty for none; one that has no room is left out.</param>
    public ReadOnlySpan<byte> Of(ReadOnlySpan<byte> name, ReadOnlySpan<byte> refusal)
    {
        if (refusal.IsEmpty || name.Length + 1 + refusal.Length > _text.Length) return name;
        name.CopyTo(_text);
        _text[name.Length] = (byte)' ';
        refusal.CopyTo(_text.AsSpan(name.Length + 1));
        return _text.AsSpan(0, name.Length + 1 + refusal.Length);
    }
}
