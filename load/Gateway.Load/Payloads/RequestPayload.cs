namespace Gateway.Load.Payloads;

/// <summary>What one request carries, before any carrier has encoded it: tensors for a model, or the body of a plain HTTP request.</summary>
internal sealed record RequestPayload(IReadOnlyList<TensorPayload> Inputs)
{
    /// <summary>Of a plain request; null where there are tensors.</summary>
    public byte[]? Body { get; init; }
}
