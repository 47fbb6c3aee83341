using Gateway.Server.Proxy.Metrics;
using Microsoft.Extensions.Logging;

namespace Gateway.Server.Proxy.Destinations;

/// <summary>One address that is looked up again and again: its last good answer, and the loop that renews it.</summary>
/// <remarks><b>Behaviour</b>: a look-up that fails changes nothing, is counted, warned of once until one succeeds, and tried again. <b>Threading</b>: any.</remarks>
internal sealed partial class AddressEntry : IDisposable
{
    private readonly string _text;
    private readonly IAddressSource _source;
    private readonly Func<TimeSpan> _retryInterval;
    private readonly Action _changed;
    private readonly ResolutionCounts _counts;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly CancellationTokenSource _stop = new();
    private readonly TaskCompletionSource _first = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile IReadOnlyList<FoundAddress> _found = [];
    private bool _isFailing;

    /// <param name="changed">Called after a later answer has differed from the one before.</param>
    public AddressEntry(string text, IAddressSource source, Func<TimeSpan> retryInterval, Action changed, ResolutionCounts counts, TimeProvider time, ILogger logger)
    {
        _text = text;
        _source = source;
        _retryInterval = retryInterval;
        _changed = changed;
        _counts = counts;
        _time = time;
        _logger = logger;
        _ = RunAsync(_stop.Token);
    }

    /// <summary>Completes once the first look-up has ended, well or not.</summary>
    public Task First => _first.Task;

    /// <summary>The last good answer; empty before the first.</summary>
    public IReadOnlyList<FoundAddress> Found => _found;

    public void Dispose()
    {
        _stop.Cancel();
        _stop.Dispose();
    }

    private async Task RunAsync(CancellationToken stop)
    {
        try
        {
            while (true)
            {
                TimeSpan wait = await LookUpAsync(stop).ConfigureAwait(false);
                _first.TrySetResult();
                await Task.Delay(wait, _time, stop).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException)
        {
            _first.TrySetResult();
        }
    }

    /// <returns>Time until the next.</returns>
    private async Task<TimeSpan> LookUpAsync(CancellationToken stop)
    {
        try
        {
            FoundAddresses answer = await _source.FindAsync(stop).ConfigureAwait(false);
            _counts.Succeeded();
            if (_isFailing) Log.Recovered(_logger, _text);
            _isFailing = false;
            if (answer.Addresses.SequenceEqual(_found)) return answer.ValidFor;
            _found = answer.Addresses;
            if (!_first.Task.IsCompleted) return answer.ValidFor;
            Log.Changed(_logger, _text, answer.Addresses.Count);
            _changed();
            return answer.ValidFor;
        }
#pragma warning disable CA1031 // Whatever a library throws, the loop must go on: it is all that will ever find the address again.
        catch (Exception error) when (error is not OperationCanceledException || !stop.IsCancellationRequested)
#pragma warning restore CA1031
        {
            _counts.Failed();
            if (!_isFailing) Log.Failed(_logger, _text, error.Message, _found.Count);
            _isFailing = true;
            return _retryInterval();
        }
    }

    private static partial class Log
    {
        [LoggerMessage(4510, LogLevel.Warning, "{Address} cannot be resolved, its {Kept} known addresses are kept: {Reason}", EventName = "ResolutionFailed")]
        public static partial void Failed(ILogger logger, string address, string reason, int kept);

        [LoggerMessage(4511, LogLevel.Information, "{Address} can be resolved again", EventName = "ResolutionRecovered")]
        public static partial void Recovered(ILogger logger, string address);

        [LoggerMessage(4512, LogLevel.Information, "{Address} has changed, and stands for {Count} addresses now", EventName = "ResolutionChanged")]
        public static partial void Changed(ILogger logger, string address, int count);
    }
}
