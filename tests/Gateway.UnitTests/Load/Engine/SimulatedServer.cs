using Gateway.Load.Carriers;
using Gateway.Load.Engine;
using Gateway.TestSupport;

namespace Gateway.UnitTests.Load.Engine;

/// <summary>A queue before a number of servers, in virtual time: what queueing theory has formulas for.</summary>
internal sealed class SimulatedServer(ManualTimeProvider time, int servers, Func<double> serviceSeconds) : ICallTransport
{
    private readonly Queue<int> _waiting = new();
    private readonly PriorityQueue<int, long> _served = new();

    /// <summary>Calls it takes at a time; more find no connection.</summary>
    public int Room { get; init; } = int.MaxValue;

    /// <summary>Begins no call between these; timestamps.</summary>
    public (long From, long To) Stall { get; set; }

    /// <summary>What it answers; null for a good answer.</summary>
    public Func<int, CallOutcome>? Answers { get; init; }

    public long RetryAfterMilliseconds { get; init; } = -1;

    public long DownSince { get; set; }

    public int MostUp => 1;

    public int Window { get; init; }

    public string Trouble => "gone";

    /// <summary>Told with each call how many are there.</summary>
    public Action<int>? OnSend { get; init; }

    public int Most { get; private set; }

    public List<long> Timeouts { get; } = [];

    /// <summary>What calls carried, in their order.</summary>
    public List<int> Payloads { get; } = [];

    /// <summary>When calls came, as timestamps.</summary>
    public List<long> Sent { get; } = [];

    public bool TrySend(int call, int payload, long timeoutMicroseconds)
    {
        if (_waiting.Count + _served.Count >= Room || DownSince > 0) return false;
        _waiting.Enqueue(call);
        Timeouts.Add(timeoutMicroseconds);
        Payloads.Add(payload);
        Sent.Add(time.GetTimestamp());
        OnSend?.Invoke(_waiting.Count + _served.Count);
        Most = Math.Max(Most, _waiting.Count + _served.Count);
        return true;
    }

    public void Flush()
    {
        long now = time.GetTimestamp();
        if (now >= Stall.From && now < Stall.To) return;
        while (_served.Count < servers && _waiting.TryDequeue(out int call)) _served.Enqueue(call, now + (long)(serviceSeconds() * time.TimestampFrequency));
    }

    public void Wait(long until, ICallSink sink)
    {
        long now = time.GetTimestamp();
        if (now >= Stall.From && now < Stall.To) until = Math.Min(until, Stall.To);
        if (!_served.TryPeek(out int call, out long end) || end > until)
        {
            time.Advance(Math.Max(1, until - now));
            Flush();
            return;
        }

        time.Advance(Math.Max(0, end - now));
        _served.Dequeue();
        Flush();
        sink.OnAnswer(call, new CallAnswer { Outcome = Answers?.Invoke(call) ?? CallOutcome.Ok, RetryAfterMilliseconds = RetryAfterMilliseconds });
    }

    public void Abandon(int call)
    {
    }

    public void Dispose()
    {
    }
}
