namespace Gateway.Load.Carriers;

/// <summary>The bytes of one request, made once and sent again and again.</summary>
/// <param name="Bytes">All of it.</param>
/// <param name="TimeoutAt">Where the time that is left is written; -1 where none is sent.</param>
/// <param name="CallAt">Where the number of the call is written; -1 where the carrier has none.</param>
internal record EncodedRequest(byte[] Bytes, int TimeoutAt = -1, int CallAt = -1);
