using Gateway.Protocol;

namespace Gateway.Server.OpenInference;

/// <summary>Makes the failures that more than one part of the protocol reports.</summary>
internal static class Errors
{
    public static InferenceException Invalid(string text) => new(StatusCode.InvalidArgument, text);

    public static InferenceException Unsupported(string text) => new(StatusCode.Unsupported, text);

    public static InferenceException NoMemory() =>
        new(StatusCode.Unavailable, "there is no memory left for the request: the memory pool is at its ceiling");

    /// <summary>A member has another JSON type than it must have; the text is Triton's.</summary>
    public static InferenceException NotA(string member, string type, string wanted) =>
        Invalid($"Unable to parse '{member}': attempt to access JSON non-{type} as {wanted}");

    public static InferenceException Missing(string member) =>
        Invalid($"Unable to parse '{member}': attempt to access non-existing object member '{member}'");

    /// <summary>Two outputs of one request are to be written over each other.</summary>
    public static InferenceException SharedOverlap(string output) =>
        Invalid($"shared memory for output '{output}' overlaps that of another output of the request");

    public static InferenceException JsonTooLarge(long bytes, long limit) =>
        Invalid($"request JSON size of {bytes} bytes exceeds the maximum allowed input size of {limit} bytes. Use --http-max-input-size to increase the limit.");

    public static InferenceException BodyTooLarge(long bytes, long limit) =>
        Invalid($"request body size of {bytes} bytes exceeds the maximum allowed input size of {limit} bytes. Use --http-max-input-size to increase the limit.");

    public static InferenceException RowsTooLarge(long bytes, long limit) =>
        Invalid($"the rows of the keys have {bytes} bytes, which exceeds the maximum allowed input size of {limit} bytes. Use --http-max-input-size to increase the limit.");

    public static InferenceException RawTooLarge(long bytes, long limit) =>
        Invalid($"Raw input has a byte_size ({bytes} bytes) that exceeds the maximum allowed value of {limit} bytes. Use --http-max-input-size to increase the limit.");

    public static InferenceException DecompressedTooLarge(long limit) =>
        Invalid($"Decompressed data size exceeds the maximum allowed value of {limit} bytes. Use --http-max-input-size to increase the limit.");
}
