using Polly.CircuitBreaker;

namespace Gateway.Server.Remote;

/// <summary>What became of a remote model's batches; goes on counting when the model is loaded again.</summary>
/// <remarks><b>Threading</b>: any thread.</remarks>
internal sealed class RemoteCounts
{
    /// <summary>Every kind of failure, by its number.</summary>
    public static readonly UpstreamFailure[] Failures = Enum.GetValues<UpstreamFailure>();

    private readonly long[] _failures = new long[Failures.Length];
    private long _answered;
    private long _retries;
    private int _inFlight;

    /// <summary>Batches that were answered as asked for.</summary>
    public long Answered => Volatile.Read(ref _answered);

    /// <summary>Second attempts.</summary>
    public long Retries => Volatile.Read(ref _retries);

    /// <summary>Batches under way.</summary>
    public int InFlight => Volatile.Read(ref _inFlight);

    /// <summary>The circuit breaker of the model as it was loaded last.</summary>
    public CircuitBreakerStateProvider? Breaker { get; set; }

    /// <summary>0 closed, 1 half open, 2 open.</summary>
    public int BreakerState => Breaker?.CircuitState switch
    {
        CircuitState.Open or CircuitState.Isolated => 2,
        CircuitState.HalfOpen => 1,
        _ => 0,
    };

    /// <summary>Batches that failed so.</summary>
    public long Failed(UpstreamFailure failure) => Volatile.Read(ref _failures[(int)failure]);

    public void Begin() => Interlocked.Increment(ref _inFlight);

    public void End() => Interlocked.Decrement(ref _inFlight);

    public void CountAnswer() => Interlocked.Increment(ref _answered);

    public void CountFailure(UpstreamFailure failure) => Interlocked.Increment(ref _failures[(int)failure]);

    public void CountRetry() => Interlocked.Increment(ref _retries);
}
