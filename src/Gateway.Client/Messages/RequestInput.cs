using Gateway.Protocol.Tensors;

namespace Gateway.Client.Messages;

/// <summary>An input of a request, and where its elements lie.</summary>
internal struct RequestInput
{
    public required string Name { get; init; }

    public required DataType DataType { get; init; }

    public required TensorShape Shape { get; init; }

    /// <summary>The feature view whose keys the elements are; null where they are what the model takes.</summary>
    public string? FeatureView { get; set; }

    /// <summary>An array, a memory manager, an array of strings, or null for what the request has copied.</summary>
    public object? Source { get; set; }

    /// <summary>Reads elements of the source; null for strings and for what the request has copied.</summary>
    public ReadElements? Read { get; set; }

    public int Start { get; set; }

    public int Count { get; set; }

    public readonly ReadOnlySpan<byte> Bytes(InferenceRequest request) => Read is { } read ? read(Source!, Start, Count) : request.Copies.Slice(Start, Count);
}
