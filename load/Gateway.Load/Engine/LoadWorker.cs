using Gateway.Load.Arrivals;
using Gateway.Load.Carriers;
using Gateway.Load.Machine;
using Gateway.Load.Statistics;

namespace Gateway.Load.Engine;

/// <summary>Sends one thread's part of a scenario's calls when they are due, and counts what becomes of them.</summary>
/// <remarks>
/// <b>Behaviour</b>: in the open model a call is due when the arrivals say so, whatever became of those before; its latency counts from then, so neither a server
/// that is behind nor this worker can hide it. A call that finds no connection with room waits here; when <see cref="WorkerPlan.MostCalls"/> are there, it is counted
/// as not sent. <b>Threading</b>: <see cref="Run"/> keeps its thread; <see cref="Stop"/> and the counts of <see cref="WorkerTally.PublishedFrom"/> from any.
/// <b>Cost</b>: no allocation a call.
/// </remarks>
internal sealed class LoadWorker : ICallSink
{
    // After so many arrivals answers are looked at, however far behind the worker is.
    private const int MostArrivalsATurn = 256;

    // How often closed copies are adjusted and calls looked through for those that take too long.
    private const double CopiesSeconds = 0.01;
    private const double ScanSeconds = 0.25;
    private const double MicrosecondsPerSecond = 1e6;
    private const double NanosecondsPerSecond = 1e9;

    private readonly WorkerPlan _plan;
    private readonly ArrivalStream _arrivals;
    private readonly ICallTransport _transport;
    private readonly TimeProvider _time;
    private readonly CallTable _calls;
    private readonly PriorityQueue<int, long> _retries = new(256);
    private readonly LatencyHistogram _interval = new();
    private readonly double _nanosecondsPerTick;
    private readonly long _start;
    private readonly long _countFrom;
    private readonly long _end;
    private readonly long _deadline;
    private volatile bool _isStopped;
    private double _nextArrival;
    private int _copies;
    private long _turn;
    private long _nextScan;
    private long _lastAnswer;
    private int _intervalIndex;
    private long _offered;
    private long _answered;
    private long _inTime;
    private long _refused;
    private long _failed;

    /// <param name="start">When the scenario begins: the same timestamp for all its workers.</param>
    public LoadWorker(WorkerPlan plan, ArrivalStream arrivals, ICallTransport transport, TimeProvider time, long start)
    {
        _plan = plan;
        _arrivals = arrivals;
        _transport = transport;
        _time = time;
        _calls = new CallTable(plan.MostCalls);
        _nanosecondsPerTick = NanosecondsPerSecond / time.TimestampFrequency;
        _start = start;
        _countFrom = At(plan.WarmUpSeconds);
        _end = At(arrivals.EndSeconds);
        _deadline = plan.DeadlineSeconds > 0 ? Ticks(plan.DeadlineSeconds) : long.MaxValue / 4;
        _nextArrival = arrivals.Next();
        _nextScan = start;
        _lastAnswer = start;
        Tally = new WorkerTally(plan.Steps.Count);
    }

    public WorkerTally Tally { get; }

    /// <summary>Calls sent and not answered, for a display.</summary>
    public int UnderWay => Math.Max(0, _calls.InUse - _calls.Waiting);

    /// <summary>Answers that came within the time that counts, from the end of the warm-up to the end of the last simulation.</summary>
    public long AnsweredInWindow { get; private set; }

    /// <summary>Those of them within their deadline.</summary>
    public long InTimeInWindow { get; private set; }

    /// <summary>Sends no more calls; those under way are waited for.</summary>
    public void Stop() => _isStopped = true;

    public void Run()
    {
        TimeSpan cpu = ThreadCpu.Used;
        while (true)
        {
            _turn = _time.GetTimestamp();
            bool isOver = _isStopped || Tally.GaveUp is not null || (_turn >= _end && double.IsInfinity(_nextArrival));
            if (!isOver)
            {
                TakeArrivals();
                StartCopies();
            }

            TakeRetries();
            SendWaiting();
            if (_calls.Waiting > Tally.MostWaiting) Tally.MostWaiting = _calls.Waiting;
            _transport.Flush();
            EndInterval(_turn);
            if (_turn >= _nextScan) LookForLateOnes(isOver);
            if (isOver && _calls.InUse == 0) break;
            _transport.Wait(NextTurn(isOver), this);
        }

        EndInterval(long.MaxValue);
        Tally.MostUp = _transport.MostUp;
        Tally.Window = _transport.Window;
        Tally.Cpu = ThreadCpu.Used - cpu;
    }

    public void OnAnswer(int call, in CallAnswer answer)
    {
        long now = _time.GetTimestamp();
        ref Call ended = ref _calls[call];
        CallOutcome outcome = answer.Outcome;
        if (outcome != CallOutcome.Broken) _lastAnswer = now;
        if (outcome == CallOutcome.Ok)
        {
            if (_plan.Verifier is { } verifier)
            {
                bool isRight = verifier.IsRight(ended.Payload, answer, out CallAnswer complaint, out bool isCompared);
                if (ended.Counts)
                {
                    Tally.Verified++;
                    if (!isCompared) Tally.VerifiedByShape++;
                }

                if (!isRight)
                {
                    if (ended.Counts) Tally.Wrong++;
                    End(call, complaint, now);
                    return;
                }
            }

            Succeed(call, now);
            return;
        }

        if (outcome == CallOutcome.Refused && TryRetry(call, answer.RetryAfterMilliseconds, now)) return;
        End(call, answer, now);
    }

    private void TakeArrivals()
    {
        for (int i = 0; i < MostArrivalsATurn; i++)
        {
            long due = _nextArrival < double.PositiveInfinity ? At(_nextArrival) : long.MaxValue;
            if (due > _turn) return;
            if (due >= _countFrom) Tally.Lag.Record(Nanoseconds(_turn - due));
            Begin(due, _arrivals.PayloadIndex, isCopy: false);
            _nextArrival = _arrivals.Next();
        }
    }

    private void StartCopies()
    {
        int wanted = _arrivals.CopiesAt((_turn - _start) / (double)_time.TimestampFrequency);
        while (_copies < wanted)
        {
            int before = _copies++;
            Begin(_turn, before, isCopy: true);
            if (_copies == before) return;
        }
    }

    private void Begin(long due, long payloadIndex, bool isCopy)
    {
        bool counts = due >= _countFrom;
        if (counts) Tally.Offered++;
        _offered++;
        if (!_calls.TryTake(out int call))
        {
            _failed++;
            if (isCopy) _copies--;
            if (!counts) return;
            Tally.NotSent++;
            Tally.Kinds.Add(new CallAnswer { Outcome = CallOutcome.Unsent });
            return;
        }

        ref Call begun = ref _calls[call];
        begun.Begun = due;
        begun.Due = due;
        begun.PayloadIndex = payloadIndex;
        begun.Counts = counts;
        begun.IsCopy = isCopy;
        begun.Payload = _plan.Steps[0].Next(payloadIndex);
        _calls.Enqueue(call);
    }

    private void SendWaiting()
    {
        while (_calls.Waiting > 0)
        {
            int call = _calls.FirstWaiting();
            ref Call waiting = ref _calls[call];
            long left = waiting.Due + _deadline - _turn;
            if (left <= 0)
            {
                _calls.DropFirstWaiting();
                End(call, new CallAnswer { Outcome = CallOutcome.Expired }, _turn);
                continue;
            }

            if (!_transport.TrySend(call, waiting.Payload, Math.Max(1, (long)(left * _nanosecondsPerTick / 1000)))) return;
            waiting.Sent = _turn;
            Tally.Sent++;
            _calls.DropFirstWaiting();
        }
    }

    private void TakeRetries()
    {
        while (_retries.TryPeek(out int call, out long at) && at <= _turn)
        {
            _retries.Dequeue();
            _calls.Enqueue(call);
        }
    }

    private bool TryRetry(int call, long retryAfterMilliseconds, long now)
    {
        ref Call refused = ref _calls[call];
        if (retryAfterMilliseconds == CallAnswer.NeverAgain || _isStopped || now >= _end || !_plan.Retry.Allows(refused.Attempt, Tally.Retries, Tally.Sent)) return false;
        long at = now + Ticks(RetryRule.Pause(refused.Attempt, retryAfterMilliseconds));
        if (at >= refused.Due + _deadline || at >= _end + Ticks(_plan.DrainSeconds)) return false;
        refused.Attempt++;
        refused.Sent = 0;
        Tally.Retries++;
        _retries.Enqueue(call, at);
        return true;
    }

    private void Succeed(int call, long now)
    {
        ref Call answered = ref _calls[call];

        // Each step has the whole of the time; one that took more makes the arrival late, however fast those after it were.
        answered.IsLate |= now - answered.Due > _deadline;
        if (answered.Counts)
        {
            Tally.Service.Record(Nanoseconds(now - answered.Sent));
            if (Tally.Steps.Count > 0) Tally.Steps[answered.Step].Record(Nanoseconds(now - answered.Due));
        }

        if (answered.Step + 1 < _plan.Steps.Count)
        {
            answered.Step++;
            answered.Due = now;
            answered.Sent = 0;
            answered.Attempt = 0;
            answered.Payload = _plan.Steps[answered.Step].Next(answered.PayloadIndex);
            _calls.Enqueue(call);
            return;
        }

        long latency = Nanoseconds(now - answered.Begun);
        bool isInTime = !answered.IsLate;
        EndInterval(now);
        _interval.Record(latency);
        _answered++;
        if (isInTime) _inTime++;
        if (now >= _countFrom && now < _end)
        {
            AnsweredInWindow++;
            if (isInTime) InTimeInWindow++;
        }

        if (answered.Counts)
        {
            Tally.Latency.Record(latency);
            Tally.Answered++;
            if (isInTime) Tally.InTime++;
        }

        Next(call, now);
    }

    private void End(int call, in CallAnswer answer, long now)
    {
        ref Call ended = ref _calls[call];
        if (answer.Outcome == CallOutcome.Refused) _refused++;
        else _failed++;
        if (ended.Counts)
        {
            Tally.Kinds.Add(answer);
            switch (answer.Outcome)
            {
                case CallOutcome.Refused:
                    Tally.Refused++;
                    Tally.Refusals.Record(Nanoseconds(now - ended.Due));
                    break;
                case CallOutcome.Expired or CallOutcome.Unsent:
                    Tally.NotSent++;
                    break;
                default:
                    Tally.Failed++;
                    break;
            }
        }

        Next(call, now);
    }

    /// <summary>In the closed model a copy begins again as long as it is wanted; else the call is over.</summary>
    private void Next(int call, long now)
    {
        bool isCopy = _calls[call].IsCopy;
        _calls.Release(call);
        if (!isCopy) return;
        bool goesOn = !_isStopped && Tally.GaveUp is null && _copies <= _arrivals.CopiesAt((now - _start) / (double)_time.TimestampFrequency);
        if (goesOn) Begin(now, Tally.Sent, isCopy: true);
        else _copies--;
    }

    private void LookForLateOnes(bool isOver)
    {
        _nextScan = _turn + Ticks(ScanSeconds);
        if (_transport.DownSince is > 0 and var since && _turn - since > Ticks(_plan.GiveUpSeconds)) Tally.GaveUp ??= _transport.Trouble;
        bool isLast = isOver && (_turn >= _end + Ticks(_plan.DrainSeconds) || Tally.GaveUp is not null || _isStopped);
        long patience = Ticks(_plan.PatienceSeconds);
        if (isLast) _calls.ClearWaiting();
        bool isAnyUnderWay = false;
        for (int call = 0; call < _calls.End; call++)
        {
            ref Call each = ref _calls[call];
            isAnyUnderWay |= each is { IsInUse: true, Sent: > 0 };
            if (!each.IsInUse || !(isLast || (each.Sent > 0 && _turn - each.Sent > patience))) continue;
            bool wasSent = each.Sent > 0;
            if (wasSent) _transport.Abandon(call);

            // What a stop cuts off says nothing about the server, unless it is old, which is said; what its going away cuts off does.
            if (isLast && _isStopped && Tally.GaveUp is null && each.Counts)
            {
                each.Counts = false;
                Tally.Offered--;
                Tally.CutOff++;
                Tally.OldestCutOff = Math.Max(Tally.OldestCutOff, Nanoseconds(_turn - each.Begun));
            }

            End(call, new CallAnswer { Outcome = wasSent ? CallOutcome.TimedOut : CallOutcome.Unsent }, _turn);
        }

        // Where somebody else takes the connections of a server that is gone, calls are sent and nothing comes. One that is lost may be all there is for its time, and so may be the slow one that comes after it.
        if (!isAnyUnderWay) _lastAnswer = _turn;
        else if (_turn - _lastAnswer > (2 * patience) + Ticks(_plan.GiveUpSeconds)) Tally.GaveUp ??= $"no call was answered for {Quantity.Seconds((2 * _plan.PatienceSeconds) + _plan.GiveUpSeconds)}";
        if (isLast) _retries.Clear();
    }

    private void EndInterval(long now)
    {
        if (now < At((_intervalIndex + 1) * _plan.IntervalSeconds)) return;
        Tally.Publish(new IntervalTally
        {
            Index = _intervalIndex,
            Offered = _offered,
            Answered = _answered,
            InTime = _inTime,
            Refused = _refused,
            Failed = _failed,
            Latency = _interval.ToSparse(),
        });
        if (_plan.EndingThresholds.Count > 0) Tally.Misses = [.. _plan.EndingThresholds.Select(threshold => ThresholdMisses.Of(threshold, Tally))];
        _interval.Clear();
        _offered = _answered = _inTime = _refused = _failed = 0;
        if (now < long.MaxValue) _intervalIndex = (int)((now - _start) / (_plan.IntervalSeconds * _time.TimestampFrequency));
    }

    private long NextTurn(bool isOver)
    {
        long next = Math.Min(_nextScan, At((_intervalIndex + 1) * _plan.IntervalSeconds));
        if (_retries.TryPeek(out _, out long retry)) next = Math.Min(next, retry);
        if (isOver) return next;
        if (_nextArrival < double.PositiveInfinity) next = Math.Min(next, At(_nextArrival));
        else if (_turn < _end) next = Math.Min(next, _end);
        return _copies > 0 || double.IsInfinity(_nextArrival) ? Math.Min(next, _turn + Ticks(CopiesSeconds)) : next;
    }

    private long At(double seconds) => _start + Ticks(seconds);

    private long Ticks(double seconds) => (long)(seconds * _time.TimestampFrequency);

    private long Nanoseconds(long ticks) => (long)(ticks * _nanosecondsPerTick);
}
