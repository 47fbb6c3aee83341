using Gateway.Client.Endpoints;
using Polly;

namespace Gateway.Client.Calls;

/// <summary>Makes calls: chooses where, gives them a deadline, and tries again what may be tried again.</summary>
/// <remarks><b>Threading</b>: any thread. <b>Cost</b>: an inference that succeeds at once allocates nothing here; retries are tasks.</remarks>
internal sealed class CallRunner
{
    private readonly InferenceClientOptions _options;
    private readonly TimeProvider _time;
    private readonly Endpoint[] _endpoints;
    private readonly CallPool _pool = new();
    private readonly ResiliencePipeline<CallResult>? _retries;
    private bool _isStarted;

    public CallRunner(InferenceClientOptions options, Endpoint[] endpoints)
    {
        _options = options;
        _time = options.TimeProvider;
        _endpoints = endpoints;
        _retries = RetryPolicy.Build(options, this);
    }

    public ValueTask<InferenceResponse> InferAsync(InferenceRequest request, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(request);
        if (cancellation.IsCancellationRequested) return ValueTask.FromCanceled<InferenceResponse>(cancellation);
        if (!Volatile.Read(ref _isStarted)) Start();
        InferenceCall call = _pool.TryRent() ?? new InferenceCall(this);
        long now = _time.GetTimestamp();
        call.Begin(request, now, DeadlineAfter(now, request.Timeout), cancellation);
        EndpointPicker.Pick(_endpoints, avoid: null).Submit(call);
        return call.Await();
    }

    /// <summary>Makes a call that is no inference, with retries.</summary>
    /// <param name="make">Makes an attempt.</param>
    /// <returns>An answer, whose buffer becomes the caller's.</returns>
    public async Task<Answer> CallAsync(Func<AwaitedCall> make, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        Start();
        CallResult result = await RetryAsync(new RetryState(make, DeadlineAfter(_time.GetTimestamp(), null), null, cancellation)).ConfigureAwait(false);
        return result.Failure is null ? result.Answer : throw result.Failure.Error;
    }

    /// <summary>Whether a call that failed so may be tried again, and has the time.</summary>
    public bool MayRetry(CallFailure failure, long deadline)
    {
        bool mayRepeat = failure.Kind switch
        {
            FailureKind.Refused or FailureKind.NotBegun => true,
            FailureKind.Unanswered => _options.RetryUnanswered,
            _ => false,
        };
        return mayRepeat && _retries is not null && TimeLeft(deadline) > (failure.RetryAfter ?? TimeSpan.Zero);
    }

    /// <summary>Goes on with an inference whose first attempt has failed.</summary>
    public void Retry(InferenceCall call, CallFailure failure) => _ = GoOnAsync(call, failure);

    public double SecondsSince(long began) => _time.GetElapsedTime(began).TotalSeconds;

    public void Return(InferenceCall call) => _pool.Return(call);

    private async Task GoOnAsync(InferenceCall call, CallFailure failure)
    {
        CallResult result;
        try
        {
            InferenceRequest request = call.Request!;
            result = await RetryAsync(new RetryState(() => new InferAttempt(request), call.Deadline, failure, call.Token)).ConfigureAwait(false);
        }
#pragma warning disable CA1031 // A call is ended whatever happens.
        catch (Exception error)
#pragma warning restore CA1031
        {
            result = new CallResult(default, new CallFailure(FailureKind.Final, error));
        }

        call.End(result);
    }

    private async ValueTask<CallResult> RetryAsync(RetryState state)
    {
        if (_retries is null) return await AttemptAsync(state, state.Cancellation).ConfigureAwait(false);
        using CancellationTokenSource ending = CancellationTokenSource.CreateLinkedTokenSource(state.Cancellation);
        using ITimer? deadline = state.Deadline == long.MaxValue ? null : _time.CreateTimer(static source => Cancel((CancellationTokenSource)source!), ending, TimeLeft(state.Deadline), Timeout.InfiniteTimeSpan);
        ResilienceContext context = ResilienceContextPool.Shared.Get(ending.Token);
        context.Properties.Set(RetryPolicy.State, state);
        try
        {
            Outcome<CallResult> outcome = await _retries.ExecuteOutcomeAsync(
                static async (context, runner) => Outcome.FromResult(await runner.AttemptAsync(context.Properties.GetValue(RetryPolicy.State, null!), context.CancellationToken).ConfigureAwait(false)),
                context,
                this).ConfigureAwait(false);
            return outcome.Exception is null ? outcome.Result : throw outcome.Exception;
        }
        catch (OperationCanceledException)
        {
            // In the pause before another attempt.
            if (state.Cancellation.IsCancellationRequested) return new CallResult(default, CallFailure.Cancelled(state.Cancellation));
            return new CallResult(default, new CallFailure(FailureKind.Final, new TimeoutException("The call was not answered within its deadline.", state.Latest?.Error)));
        }
        finally
        {
            ResilienceContextPool.Shared.Return(context);
        }
    }

    private async ValueTask<CallResult> AttemptAsync(RetryState state, CancellationToken cancellation)
    {
        if (state.TakeFirst() is { } failed) return new CallResult(default, failed);
        AwaitedCall call = state.Make();
        call.Deadline = state.Deadline;
        EndpointPicker.Pick(_endpoints, state.Latest?.Where).Submit(call);
        CallResult result;

        // The call's own deadline ends it on time; this token may be a moment earlier or later.
        using (cancellation.UnsafeRegister(static state => Abandon(((AwaitedCall, RetryState))state!), (call, state))) result = await call.Result.ConfigureAwait(false);
        state.Latest = result.Failure;
        return result;
    }

    private static void Abandon((AwaitedCall Call, RetryState State) attempt) =>
        attempt.Call.Carrier?.Abandon(
            attempt.Call, attempt.State.Cancellation.IsCancellationRequested ? CallFailure.Cancelled(attempt.State.Cancellation) : CallFailure.Expired());

    private static void Cancel(CancellationTokenSource source)
    {
        try
        {
            source.Cancel();
        }
        catch (ObjectDisposedException)
        {
            // The call has ended.
        }
    }

    private void Start()
    {
        foreach (Endpoint endpoint in _endpoints) endpoint.Start();
        Volatile.Write(ref _isStarted, true);
    }

    private TimeSpan TimeLeft(long deadline)
    {
        if (deadline == long.MaxValue) return TimeSpan.MaxValue;
        long left = deadline - _time.GetTimestamp();
        return left <= 0 ? TimeSpan.Zero : TimeSpan.FromSeconds((double)left / _time.TimestampFrequency);
    }

    private long DeadlineAfter(long now, TimeSpan? wanted)
    {
        TimeSpan timeout = wanted ?? _options.Timeout;
        if (timeout == Timeout.InfiniteTimeSpan) return long.MaxValue;
        if (timeout > InferenceClientOptionsValidator.LongestTime) timeout = InferenceClientOptionsValidator.LongestTime;
        return now + (long)(Math.Max(0, timeout.TotalSeconds) * _time.TimestampFrequency);
    }
}
