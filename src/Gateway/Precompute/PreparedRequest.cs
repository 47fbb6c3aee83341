namespace Gateway.Precompute;

/// <summary>The body of one infer call.</summary>
/// <param name="HeadLength">Bytes of its JSON part, with binary tensors behind; null when all of it is JSON.</param>
internal readonly record struct PreparedRequest(byte[] Body, int? HeadLength);
