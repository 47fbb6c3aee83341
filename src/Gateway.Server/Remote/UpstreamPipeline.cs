using Polly;
using Polly.CircuitBreaker;
using Polly.Retry;

namespace Gateway.Server.Remote;

/// <summary>When a batch is tried again, and when its upstream is left alone: a pipeline of Polly's for each remote model.</summary>
/// <remarks>
/// One more attempt, at once and on a new connection, where nothing was answered: a connection that lay idle while the server was started again says so only when it is used.
/// The circuit breaker counts batches, not attempts; while it is open batches fail at once, and one after each pause finds out whether the upstream is back.
/// </remarks>
internal static class UpstreamPipeline
{
    // More than half of at least two: one batch's failure is no news about the next, and two of a slow upstream's time-outs are all that there may be in this time.
    private const double FailureRatio = 0.6;
    private const int LeastBatches = 2;
    private static readonly TimeSpan SamplingTime = TimeSpan.FromSeconds(10);

    // A server that is started again is back within seconds; one that stays away is asked four times a minute.
    private static readonly TimeSpan FirstPause = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(15);

    /// <param name="onState">Told when the breaker opens, with why, and when it closes, with null.</param>
    public static ResiliencePipeline Create(TimeProvider time, RemoteCounts counts, Action<Exception?> onState)
    {
        CircuitBreakerStateProvider breaker = new();
        counts.Breaker = breaker;
        return new ResiliencePipelineBuilder { TimeProvider = time }
            .AddCircuitBreaker(new CircuitBreakerStrategyOptions
            {
                FailureRatio = FailureRatio,
                MinimumThroughput = LeastBatches,
                SamplingDuration = SamplingTime,
                BreakDurationGenerator = static arguments => ValueTask.FromResult(PauseAfter(arguments.HalfOpenAttempts)),
                StateProvider = breaker,
                ShouldHandle = static arguments => ValueTask.FromResult(arguments.Outcome.Exception is UpstreamException { SpeaksAgainstUpstream: true }),
                OnOpened = arguments =>
                {
                    onState(arguments.Outcome.Exception);
                    return default;
                },
                OnClosed = _ =>
                {
                    onState(null);
                    return default;
                },
            })
            .AddRetry(new RetryStrategyOptions
            {
                MaxRetryAttempts = 1,
                Delay = TimeSpan.Zero,
                ShouldHandle = static arguments => ValueTask.FromResult(arguments.Outcome.Exception is UpstreamException { IsRetryable: true }),
                OnRetry = _ =>
                {
                    counts.CountRetry();
                    return default;
                },
            })
            .Build();
    }

    private static TimeSpan PauseAfter(int failedTrials) => TimeSpan.FromTicks(Math.Min(FirstPause.Ticks << Math.Min(failedTrials, 10), LongestPause.Ticks));
}
