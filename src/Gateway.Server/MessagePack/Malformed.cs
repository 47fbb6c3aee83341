using Gateway.Protocol;
using Gateway.Protocol.MessagePack;

namespace Gateway.Server.MessagePack;

/// <summary>Makes the failures of messages that cannot be read, which name the place and what should be there.</summary>
internal static class Malformed
{
    /// <param name="reader">Stands where it failed.</param>
    /// <param name="what">What was to be read, such as <c>'shape' of input 0</c>.</param>
    public static InferenceException At(in MessagePackReader reader, string what) =>
        Invalid($"malformed MessagePack at byte {reader.Position}: {what} {Reason(reader.Failure)}");

    public static InferenceException Invalid(string text) => new(StatusCode.InvalidArgument, text);

    public static InferenceException Twice(string key) => Invalid($"'{key}' is there twice");

    private static string Reason(MessagePackFailure failure) => failure switch
    {
        MessagePackFailure.Truncated => "is cut off or announces more than there is",
        MessagePackFailure.WrongType => "is of another type",
        MessagePackFailure.OutOfRange => "is out of range",
        MessagePackFailure.NotUtf8 => "is not UTF-8",
        MessagePackFailure.TooDeep => $"nests deeper than {MessagePackReader.MostSkippedLevels}",
        _ => "is no MessagePack value",
    };
}
