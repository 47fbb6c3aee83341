using System.Collections.Concurrent;
using Gateway.Core.Overflow;
using Gateway.Server.Proxy.Configuration;
using Gateway.Server.Proxy.Metrics;
using Polly;
using Polly.CircuitBreaker;
using Polly.Retry;

namespace Gateway.Server.Proxy.Resilience;

/// <summary>What stands between YARP and the destinations of one cluster: retries, and for each destination a circuit breaker and a time-out.</summary>
/// <remarks><b>Behaviour</b>: see <see cref="ResilienceOptions"/>. <b>Threading</b>: any. <b>Ownership</b>: a response that is not handed on is disposed here.</remarks>
internal sealed class ClusterGuards
{
    /// <summary>Retries that can be saved.</summary>
    public const int MostSavedRetries = 10;

    private static readonly ResiliencePropertyKey<Attempt> AttemptKey = new("attempt");

    private readonly ClusterCounts _counts;
    private readonly RetryBudget? _budget;
    private readonly ResiliencePipeline<HttpResponseMessage> _whole;
    private readonly ConcurrentDictionary<string, Lazy<ResiliencePipeline<HttpResponseMessage>>> _destinations = new(StringComparer.OrdinalIgnoreCase);

    // Lazy: of two that were made at once the one that is used must be the one whose circuit is shown.
    private readonly Func<string, Lazy<ResiliencePipeline<HttpResponseMessage>>> _makeDestination;

    public ClusterGuards(ResilienceOptions options, ClusterCounts counts)
    {
        Options = options;
        _counts = counts;
        _makeDestination = id => new Lazy<ResiliencePipeline<HttpResponseMessage>>(() => MakeDestination(id));
        _budget = options.Retry is { } retry ? new RetryBudget(retry.Budget, MostSavedRetries) : null;
        _whole = MakeWhole();
    }

    public ResilienceOptions Options { get; }

    /// <param name="send">Sends the request as it is now.</param>
    public async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, ProxyCall call, Func<HttpRequestMessage, CancellationToken, Task<HttpResponseMessage>> send, CancellationToken cancellation)
    {
        Attempt attempt = new(request, call);
        await PrepareAsync(attempt, call, cancellation).ConfigureAwait(false);
        _budget?.Earn();
        ResilienceContext context = ResilienceContextPool.Shared.Get(cancellation);
        context.Properties.Set(AttemptKey, attempt);
        try
        {
            return await _whole.ExecuteAsync(
                static (context, state) => state.Guards.TryOnceAsync(context, state.Send),
                context,
                (Guards: this, Send: send)).ConfigureAwait(false);
        }
        finally
        {
            ResilienceContextPool.Shared.Return(context);
        }
    }

    /// <summary>Forgets destinations that are no more: there are no more circuits than destinations.</summary>
    public void Keep(IReadOnlyCollection<string> destinations)
    {
        foreach (string id in _destinations.Keys)
        {
            if (destinations.Contains(id, StringComparer.OrdinalIgnoreCase)) continue;
            _destinations.TryRemove(id, out _);
            _counts.Circuits.TryRemove(id, out _);
        }
    }

    private async ValueTask<HttpResponseMessage> TryOnceAsync(ResilienceContext context, Func<HttpRequestMessage, CancellationToken, Task<HttpResponseMessage>> send)
    {
        Attempt attempt = context.Properties.GetValue(AttemptKey, null!);
        ResiliencePipeline<HttpResponseMessage> destination = _destinations.GetOrAdd(attempt.DestinationId, _makeDestination).Value;
        return await destination.ExecuteAsync(
            static async (context, state) => await state.Send(state.Attempt.Request, context.CancellationToken).ConfigureAwait(false),
            context,
            (Attempt: attempt, Send: send)).ConfigureAwait(false);
    }

    private async ValueTask PrepareAsync(Attempt attempt, ProxyCall call, CancellationToken cancellation)
    {
        if (Options.Retry is not { } retry || !Failures.IsIdempotent(attempt.Request.Method)) return;
        if (attempt.Request.Content is not { } content)
        {
            // What is upgraded is a conversation, of which the first word must not be said twice.
            attempt.IsRepeatable = !attempt.Request.Headers.Contains("Upgrade");
            return;
        }

        if (call.Context.Request.ContentLength is not { } length || length > retry.MaxBodyBytes) return;
        await content.LoadIntoBufferAsync(retry.MaxBodyBytes, cancellation).ConfigureAwait(false);
        attempt.IsRepeatable = true;
    }

    private ResiliencePipeline<HttpResponseMessage> MakeWhole()
    {
        if (Options.Retry is not { } retry) return ResiliencePipeline<HttpResponseMessage>.Empty;
        return new ResiliencePipelineBuilder<HttpResponseMessage>().AddRetry(new RetryStrategyOptions<HttpResponseMessage>
        {
            MaxRetryAttempts = retry.MaxRetries,
            Delay = retry.Delay,
            BackoffType = DelayBackoffType.Exponential,
            UseJitter = true,
            ShouldHandle = args => ValueTask.FromResult(ShouldRetry(args)),
            OnRetry = args =>
            {
                _counts.Retried();
                args.Outcome.Result?.Dispose();
                args.Context.Properties.GetValue(AttemptKey, null!).MoveOn();
                return default;
            },
        }).Build();
    }

    private bool ShouldRetry(RetryPredicateArguments<HttpResponseMessage> args)
    {
        Attempt attempt = args.Context.Properties.GetValue(AttemptKey, null!);
        if (attempt.IsClientGone) return false;
        (HttpResponseMessage? response, Exception? error) = (args.Outcome.Result, args.Outcome.Exception);
        if (!Failures.MayRepeat(response, error, attempt.IsRepeatable)) return false;

        // Of the last attempt nothing follows, and nothing is taken for it.
        if (args.AttemptNumber >= Options.Retry!.MaxRetries) return false;
        if (_budget!.TrySpend()) return true;
        _counts.Denied();
        return false;
    }

    private ResiliencePipeline<HttpResponseMessage> MakeDestination(string id)
    {
        ResiliencePipelineBuilder<HttpResponseMessage> builder = new();
        if (Options.CircuitBreaker is { } circuit)
        {
            CircuitBreakerStateProvider state = new();
            _counts.Circuits[id] = state;
            builder.AddCircuitBreaker(new CircuitBreakerStrategyOptions<HttpResponseMessage>
            {
                FailureRatio = circuit.FailureRatio,
                MinimumThroughput = circuit.MinimumThroughput,
                SamplingDuration = circuit.SamplingDuration,
                BreakDuration = circuit.BreakDuration,
                StateProvider = state,
                ShouldHandle = static args => ValueTask.FromResult(
                    Failures.IsUpstreams(args.Outcome.Result, args.Outcome.Exception, args.Context.Properties.GetValue(AttemptKey, null!).IsClientGone)),
                OnOpened = _ =>
                {
                    _counts.Opened();
                    return default;
                },
            });
        }

        if (Options.FirstByteTimeout is { } timeout) builder.AddTimeout(timeout);
        return builder.Build();
    }
}
