using Polly;
using Polly.Retry;

namespace Gateway.Client.Calls;

/// <summary>When an attempt is made again, as a pipeline of Polly's.</summary>
internal static class RetryPolicy
{
    public static readonly ResiliencePropertyKey<RetryState> State = new("Gateway.Client.Call");

    // A server that says when to come back says it to many: they come spread over a quarter of that time more.
    private const double RetryAfterSpread = 0.25;

    private static readonly TimeSpan MostDelay = TimeSpan.FromSeconds(5);

    /// <returns>Null when nothing is ever tried again.</returns>
    public static ResiliencePipeline<CallResult>? Build(InferenceClientOptions options, CallRunner runner)
    {
        if (options.MaxAttempts == 1) return null;
        return new ResiliencePipelineBuilder<CallResult> { TimeProvider = options.TimeProvider }
            .AddRetry(new RetryStrategyOptions<CallResult>
            {
                MaxRetryAttempts = options.MaxAttempts - 1,
                BackoffType = DelayBackoffType.Exponential,
                UseJitter = true,
                Delay = options.RetryDelay,
                MaxDelay = MostDelay,
                ShouldHandle = attempt => ValueTask.FromResult(
                    attempt.Outcome.Result.Failure is { } failure && runner.MayRetry(failure, attempt.Context.Properties.GetValue(State, null!).Deadline)),
                DelayGenerator = static attempt => ValueTask.FromResult(attempt.Outcome.Result.Failure?.RetryAfter * (1 + (RetryAfterSpread * Random.Shared.NextDouble()))),
            })
            .Build();
    }
}
