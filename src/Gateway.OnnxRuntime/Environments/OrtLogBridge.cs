using System.Collections.Immutable;
using System.Runtime.InteropServices;

using Microsoft.Extensions.Logging;

namespace Gateway.OnnxRuntime.Environments;

/// <summary>Passes what ONNX Runtime logs to the loggers of those that have its environment open.</summary>
/// <remarks>Threading: messages come from any thread, ONNX Runtime's own included; the list of loggers is replaced, not changed.</remarks>
internal static unsafe partial class OrtLogBridge
{
    private static ImmutableArray<ILogger> _loggers = [];

    public static void Add(ILogger logger) => ImmutableInterlocked.Update(ref _loggers, static (all, one) => all.Add(one), logger);

    public static void Remove(ILogger logger) => ImmutableInterlocked.Update(ref _loggers, static (all, one) => all.Remove(one), logger);

    /// <summary>The lowest <c>OrtLoggingLevel</c> whose messages the logger takes.</summary>
    public static int Level(ILogger logger)
    {
        for (int level = 0; level < 4; level++)
        {
            if (logger.IsEnabled(LogLevelOf(level))) return level;
        }

        return 4;
    }

    /// <summary>ONNX Runtime's <c>OrtLoggingFunction</c>.</summary>
    [UnmanagedCallersOnly]
    public static void Receive(nint parameter, int level, byte* category, byte* logId, byte* location, byte* message)
    {
        try
        {
            LogLevel logLevel = LogLevelOf(level);
            string text = Text(message);
            OrtDeviceErrors.Look(text);
            string origin = $"{Text(category)}, {Text(location)}";
            foreach (ILogger logger in _loggers) Log.NativeMessage(logger, logLevel, text, origin);
        }
        catch (Exception)
        {
            // A logger's failure has nowhere to go: an exception that left for native code would end the process.
        }
    }

    private static LogLevel LogLevelOf(int level) => level switch
    {
        0 => LogLevel.Trace,
        1 => LogLevel.Debug,
        2 => LogLevel.Warning,
        3 => LogLevel.Error,
        _ => LogLevel.Critical,
    };

    private static string Text(byte* text) => Marshal.PtrToStringUTF8((nint)text) ?? "";

    private static partial class Log
    {
        [LoggerMessage(
            EventId = 3900,
            EventName = "OnnxRuntimeMessage",
            Message = "ONNX Runtime: {Message} ({Origin})")]
        public static partial void NativeMessage(ILogger logger, LogLevel level, string message, string origin);
    }
}
