using System.Collections.Concurrent;

using Gateway.OnnxRuntime.Backend;
using Gateway.OnnxRuntime.Environments;
using Gateway.OnnxRuntime.Sessions;

using Microsoft.Extensions.Logging;

namespace Gateway.UnitTests.OnnxRuntime;

/// <summary>The process's one ONNX Runtime environment, with shared thread pools and a log that tests can read.</summary>
public sealed class OrtFixture : IDisposable
{
    public OrtFixture() => Environment = OrtEnvironment.Open(Log, Pools);

    /// <summary>Those of the backend, because the process has one environment.</summary>
    public static OrtThreadPools Pools => OnnxRuntimeBackend.SharedPools;

    public RecordingLogger Log { get; } = new();

    public OrtEnvironment Environment { get; }

    public static string PathOf(string model) => Path.Combine(AppContext.BaseDirectory, "models", model + ".onnx");

    /// <summary>Loads a test model on one thread, so that tests do not depend on the machine.</summary>
    public OrtSession Load(string model, Action<OrtSessionOptions>? configure = null, OrtPrepackedWeights? weights = null)
    {
        using var options = new OrtSessionOptions();
        options.IntraOpThreads(1);
        configure?.Invoke(options);
        return OrtSession.Load(Environment, PathOf(model), options, weights);
    }

    public void Dispose() => Environment.Dispose();

    /// <summary>Keeps the last messages.</summary>
    public sealed class RecordingLogger : ILogger
    {
        private readonly ConcurrentQueue<(LogLevel Level, string Text)> _messages = new();

        public IReadOnlyCollection<(LogLevel Level, string Text)> Messages => _messages;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Debug;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            _messages.Enqueue((logLevel, formatter(state, exception)));
            while (_messages.Count > 1000) _messages.TryDequeue(out _);
        }
    }
}

/// <summary>Tests that use ONNX Runtime: alone in the process, because they share its environment and one watches its memory.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class OrtTests : ICollectionFixture<OrtFixture>
{
    public const string Name = "ONNX Runtime";
}
