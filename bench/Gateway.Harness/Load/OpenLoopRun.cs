using System.Net;
using Gateway.Load.Sockets;
using Gateway.Load.Statistics;

namespace Gateway.Harness.Load;

/// <summary>One run of an <see cref="OpenLoop"/>.</summary>
/// <remarks>Latencies count from the time at which a call was to be sent, so that a server that is behind, or a client, cannot hide it. <b>Threading</b>: the client's one thread.</remarks>
internal sealed class OpenLoopRun : IDisposable
{
    // As many as the server lets one connection have.
    private const int Window = 256;
    private const int Connections = 16;
    private const int DrainMilliseconds = 2000;

    private readonly OfferedLoad _load;
    private readonly TimeProvider _time = TimeProvider.System;
    private readonly double _frequency = TimeProvider.System.TimestampFrequency;
    private readonly Random _random;
    private readonly double _seconds;
    private readonly Epoll _epoll;
    private readonly FrameClient[] _clients;
    private readonly Stack<int>[] _free;
    private readonly Sent[][] _sent;
    private readonly int[] _turns;
    private readonly PriorityQueue<Sent, long> _retries = new();
    private readonly LatencyHistogram _answers = new();
    private readonly LatencyHistogram _refusals = new();
    private readonly long[] _offered;
    private readonly long[] _inTime;
    private long _late;
    private long _refused;
    private long _unsent;
    private long _underWay;
    private int _current;
    private long _now;
    private long _start;
    private long _counted;
    private long _end;
    private double _phaseEnds;
    private bool _isBurst;

    public OpenLoopRun(IPEndPoint server, OfferedLoad load, double seconds, int seed)
    {
        _load = load;
        _seconds = seconds;
        _random = new Random(seed);
        int clients = Connections * load.Classes.Count;
        _epoll = new Epoll(clients);
        _clients = new FrameClient[clients];
        _free = [.. Enumerable.Range(0, clients).Select(_ => new Stack<int>(Enumerable.Range(0, Window)))];
        _sent = [.. Enumerable.Range(0, clients).Select(_ => new Sent[Window])];
        _turns = new int[load.Classes.Count];
        _offered = new long[load.Classes.Count];
        _inTime = new long[load.Classes.Count];
        try
        {
            for (int i = 0; i < clients; i++)
            {
                _clients[i] = new FrameClient(server, load.Classes[i / Connections].Exchange, Window) { OnRefused = OnRefused };
                _epoll.Add(_clients[i].Socket, i);
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public OpenLoopResult Run(Func<TimeSpan> serverCpu)
    {
        TimeSpan clientBefore = Environment.CpuUsage.TotalTime;
        TimeSpan serverBefore = serverCpu();
        _start = _time.GetTimestamp();
        _counted = _start + (long)(_seconds * _load.LeadIn * _frequency);
        _end = _start + (long)(_seconds * _frequency);
        double next = _start;
        while (true)
        {
            _now = _time.GetTimestamp();
            for (; next <= _now && next < _end; next += Gap(next)) SendNew((long)next);
            while (_retries.TryPeek(out Sent retry, out long at) && at <= _now)
            {
                _retries.Dequeue();
                Send(retry with { At = at });
            }

            foreach (FrameClient client in _clients) client.Send();
            int ready = _epoll.Wait(0);
            _now = _time.GetTimestamp();
            for (int i = 0; i < ready; i++)
            {
                _current = _epoll.Ready(i);
                _clients[_current].Receive(OnAnswer);
            }

            if (next >= _end && _underWay == 0 && _retries.Count == 0) break;
            if (_time.GetElapsedTime(_end, _now).TotalMilliseconds > DrainMilliseconds) throw new IOException($"{_underWay} calls have no answer {DrainMilliseconds} ms after the last was sent");
        }

        double passed = _time.GetElapsedTime(_start).TotalSeconds;
        double measured = (_end - _counted) / _frequency;
        return new OpenLoopResult(
            _offered.Sum() / measured, _inTime.Sum() / measured, _late / measured, _refused / measured, _unsent / measured,
            _answers.Microseconds(0.5), _answers.Microseconds(0.99), _refusals.Microseconds(0.5), _refusals.Microseconds(0.99),
            (Environment.CpuUsage.TotalTime - clientBefore).TotalSeconds / passed,
            (serverCpu() - serverBefore).TotalSeconds / passed)
        {
            ServedByClass = [.. _inTime.Select((served, i) => served / (double)Math.Max(1, _offered[i]))],
        };
    }

    public void Dispose()
    {
        foreach (FrameClient? client in _clients) client?.Dispose();
        _epoll.Dispose();
    }

    private bool Counts(long first) => first >= _counted && first < _end;

    /// <summary>Ticks from one new request to the next.</summary>
    private double Gap(double at)
    {
        double share = (at - _start) / (_end - _start);
        double rate = _load.PerSecond * (_load.OverTime?.Invoke(share) ?? 1);
        if (_load.BurstSeconds > 0)
        {
            while (at >= _phaseEnds)
            {
                _isBurst = _phaseEnds > 0 && !_isBurst;
                _phaseEnds = Math.Max(_phaseEnds, at) - ((_isBurst ? 0.25 : 0.75) * _load.BurstSeconds * _frequency * Math.Log(1 - _random.NextDouble()));
            }

            rate *= _isBurst ? 2.5 : 0.5;
        }

        return -Math.Log(1 - _random.NextDouble()) / rate * _frequency;
    }

    private void SendNew(long at)
    {
        double pick = _random.NextDouble();
        int index = 0;
        while (index < _load.Classes.Count - 1 && pick >= _load.Classes[index].Share) pick -= _load.Classes[index++].Share;
        if (Counts(at)) _offered[index]++;
        Send(new Sent(index, at, at, 0));
    }

    private void Send(in Sent call)
    {
        int client = (call.Class * Connections) + (_turns[call.Class]++ % Connections);
        if (_free[client].TryPop(out int slot))
        {
            _sent[client][slot] = call;
            _clients[client].Add(slot, call.At);
            _underWay++;
        }
        else if (Counts(call.First))
        {
            _unsent++;
        }
    }

    private void OnAnswer(int slot, long sentAt)
    {
        Sent call = Take(slot);
        bool isInTime = _now - sentAt <= Ticks(call);
        if (!isInTime && TryAgain(call, _now)) return;
        if (!Counts(call.First)) return;
        _answers.Record((long)((_now - sentAt) * (1e9 / _frequency)));
        if (isInTime) _inTime[call.Class]++;
        else _late++;
    }

    private void OnRefused(int slot, long sentAt)
    {
        Sent call = Take(slot);
        if (Counts(call.First)) _refusals.Record((long)((_now - sentAt) * (1e9 / _frequency)));
        if (TryAgain(call, _now + (long)(Ticks(call) * (0.25 + (0.25 * _random.NextDouble()))))) return;
        if (Counts(call.First)) _refused++;
    }

    private Sent Take(int slot)
    {
        _free[_current].Push(slot);
        _underWay--;
        return _sent[_current][slot];
    }

    private bool TryAgain(in Sent call, long at)
    {
        if (call.Attempt >= _load.Retries || at >= _end) return false;
        _retries.Enqueue(call with { Attempt = call.Attempt + 1 }, at);
        return true;
    }

    private double Ticks(in Sent call) => _load.Classes[call.Class].Deadline.TotalSeconds * _frequency;

    /// <summary>A call under way.</summary>
    /// <param name="At">When it was to be sent.</param>
    /// <param name="First">When its first attempt was.</param>
    private readonly record struct Sent(int Class, long At, long First, int Attempt);
}
