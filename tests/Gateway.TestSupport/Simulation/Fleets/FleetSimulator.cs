using Gateway.Core.Overflow;
using Gateway.Core.Overflow.Replicas;
using Gateway.Core.Overflow.Reports;

namespace Gateway.TestSupport.Simulation.Fleets;

/// <summary>A fleet of gateways in virtual time: their queues and networks are simulated, what they decide by is the code of the gateway.</summary>
/// <remarks>
/// Clients come as a Poisson stream to each replica. A hop takes 0.5 ms there and 0.3 ms back and uses nobody's time; service is exact; a poll sees the state of its moment. What is
/// not simulated: the cost of forwarding and refusing, networks that are cut in part, several models, clients that change their replica.
/// </remarks>
public sealed class FleetSimulator
{
    /// <summary>What the way to a replica and back takes, in microseconds.</summary>
    public const long Hop = There + Back;

    /// <summary>Time after the last request that counts, for its answer.</summary>
    internal const long Settling = 500_000;

    private const int Kinds = 4;
    private const long There = 500;
    private const long Back = 300;
    private const long ClientPause = 1000;
    private const long DrainTime = 500_000;
    private const long DownTime = 1_000_000;
    private const long ColdTime = 2_000_000;
    private const long DrainNotice = 100_000;

    private readonly PriorityQueue<FleetEvent, long> _events = new();
    private readonly List<FleetServer.Waiting> _finished = [];
    private readonly FleetSetup _setup;
    private readonly FleetNode[] _nodes;
    private readonly FleetRouting _routing;
    private readonly FleetResult _result;
    private readonly ZipfKeys _keys;
    private long _now;

    private FleetSimulator(FleetSetup setup)
    {
        _setup = setup;
        _nodes = [.. Enumerable.Range(0, setup.Nodes).Select(i => new FleetNode(setup, i))];
        _routing = new FleetRouting(setup, _nodes);
        _result = new FleetResult(setup);
        _keys = new ZipfKeys(setup.Keys);
    }

    public static FleetResult Run(FleetSetup setup)
    {
        FleetSimulator simulator = new(setup);
        simulator.Begin();
        while (simulator._events.TryDequeue(out FleetEvent next, out long at) && at >> Kinds < setup.End + Settling)
        {
            simulator._now = at >> Kinds;
            simulator.Handle(next);
        }

        foreach (FleetNode node in simulator._nodes)
        {
            foreach (Replica other in node.Fleet.Watched.Span) simulator._result.Ejections += other.Http.Ejections;
        }

        return simulator._result;
    }

    private void Begin()
    {
        foreach (FleetNode node in _nodes)
        {
            ScheduleArrival(node);
            if (_setup.IsBursty) Schedule(node.Bursts.NextPause(800_000), new FleetEvent(FleetEventKind.Burst, node.Index));
            if (_setup.Routing == RoutingKind.Overflow)
            {
                for (int other = 0; other < _nodes.Length; other++)
                {
                    if (node.Watches(other)) Schedule(node.Random.NextBelow((int)_setup.Poll), new FleetEvent(FleetEventKind.Poll, node.Index, other));
                }
            }
        }

        if (_setup.PulseUntil > 0)
        {
            Schedule(_setup.PulseFrom, new FleetEvent(FleetEventKind.Pulse, -1));
            Schedule(_setup.PulseUntil, new FleetEvent(FleetEventKind.Pulse, -1));
        }

        for (int i = 0; i < _setup.Faults.Count; i++)
        {
            Schedule(_setup.Faults[i].From, new FleetEvent(FleetEventKind.FaultBegin, -1, i));
            Schedule(_setup.Faults[i].Until, new FleetEvent(FleetEventKind.FaultEnd, -1, i));
        }
    }

    private bool IsReal => _setup.Routing == RoutingKind.Overflow;

    private void Schedule(long delay, in FleetEvent what) => ScheduleAt(_now + delay, what);

    // What happens at the same time does so in the order of its kinds, whatever else there is: the requests of a seed are the same for all who route them.
    private void ScheduleAt(long at, in FleetEvent what) => _events.Enqueue(what, (at << Kinds) | (uint)what.Kind);

    private void Handle(in FleetEvent next)
    {
        if (next.Kind is not (FleetEventKind.Arrival or FleetEventKind.Burst) && next.Node >= 0 && _nodes[next.Node].FrozenUntil > _now)
        {
            ScheduleAt(_nodes[next.Node].FrozenUntil, next);
            return;
        }

        switch (next.Kind)
        {
            case FleetEventKind.Arrival:
                Arrive(next);
                break;
            case FleetEventKind.Door:
                if (!IsGone(_nodes[next.Node])) Route(next.Request!);
                break;
            case FleetEventKind.Hop:
                Receive(next.Send!);
                break;
            case FleetEventKind.Back:
                Return(next.Send!);
                break;
            case FleetEventKind.HopTimeout:
                TimeOut(next.Send!);
                break;
            case FleetEventKind.BatchEnd:
                EndBatch(_nodes[next.Node], next.Number, next.Boot);
                break;
            case FleetEventKind.Poll:
                Poll(_nodes[next.Node], _nodes[next.Number]);
                if (next.Boot == 0) Schedule(_setup.Poll, next);
                break;
            case FleetEventKind.Burst:
                FleetNode bursting = _nodes[next.Node];
                bursting.IsBursting = !bursting.IsBursting;
                ScheduleArrival(bursting);
                Schedule(bursting.Bursts.NextPause(bursting.IsBursting ? 200_000 : 800_000), next);
                break;
            case FleetEventKind.Pulse:
                foreach (FleetNode node in _nodes) ScheduleArrival(node);
                break;
            case FleetEventKind.FaultBegin:
                BeginFault(_setup.Faults[next.Number], next);
                break;
            case FleetEventKind.FaultStep:
                Crash(_nodes[_setup.Faults[next.Number].Node]);
                break;
            case FleetEventKind.FaultEnd:
                EndFault(_setup.Faults[next.Number]);
                break;
            case FleetEventKind.OutOfService:
                _nodes[next.Number].IsInService = false;
                break;
            case FleetEventKind.InService:
                _nodes[next.Number].IsInService = true;
                _nodes[next.Number].Server.Slowness = 1;
                break;
        }
    }

    private static bool IsGone(FleetNode node) => node.IsDown || node.IsBlackHole;

    // Clients.

    private void ScheduleArrival(FleetNode node)
    {
        bool isPulse = _now >= _setup.PulseFrom && _now < _setup.PulseUntil;
        double rate = (isPulse ? _setup.PulseLoad : _setup.Load) * _setup.Capacity * _setup.ShareOf(node.Index);
        if (_setup.IsBursty) rate *= node.IsBursting ? 4 : 0.25;
        Schedule(node.Arrivals.NextPause(1e6 / rate), new FleetEvent(FleetEventKind.Arrival, node.Index, ++node.Arrival));
    }

    private void Arrive(in FleetEvent next)
    {
        FleetNode node = _nodes[next.Node];
        if (next.Number != node.Arrival || _now >= _setup.End) return;
        ScheduleArrival(node);
        Ask(node, _setup.ClientRetries, isFirst: true);
    }

    private void Ask(FleetNode node, int retries, bool isFirst)
    {
        // A balancer in front knows who is out of service.
        while (!node.IsInService) node = _nodes[node.Arrivals.NextBelow(_nodes.Length)];
        FleetRequest request = new(node.Index, _now, _now + _setup.Deadline, retries, _keys.Next(node.Arrivals));
        _result.Arrive(request, isFirst);
        Handle(new FleetEvent(FleetEventKind.Door, node.Index, Request: request));
    }

    private void Refuse(FleetRequest request)
    {
        _result.Refuse(request);
        if (request.RetriesLeft > 0) AskAgain(request);
    }

    private void AskAgain(FleetRequest request)
    {
        FleetRequest again = new(request.Door, _now + ClientPause, _now + ClientPause + _setup.Deadline, request.RetriesLeft - 1, request.Key);
        _result.Arrive(again, isFirst: false);
        Schedule(ClientPause, new FleetEvent(FleetEventKind.Door, request.Door, Request: again));
    }

    // Replicas.

    private void Route(FleetRequest request)
    {
        FleetNode node = _nodes[request.Door];
        if (request.Attempt == 0 && (node.Kept.Touch(request.Key) || node.Near.Touch(request.Key)))
        {
            _result.Hit(request);
            _result.Answer(request, _now);
            return;
        }

        OverflowDecision decision = _routing.Decide(node, request, _now, out int to, out Sending sending);
        switch (decision.Kind)
        {
            case OverflowKind.Local:
                Enqueue(node, request, null);
                break;
            case OverflowKind.Refuse:
                if (IsReal && node.Fleet.Hurry(node.Fleet.Watched.Span, _now) is { } full) Schedule(Hop, new FleetEvent(FleetEventKind.Poll, node.Index, node.IndexOf(full), Boot: 1));
                Refuse(request);
                break;
            case OverflowKind.Forward:
                if (request.Attempt > 0) node.Fleet.Retries.TrySpend();
                request.Sends++;
                _result.Send(request);
                FleetSend send = new(request, node.Index, to, node.Boot, _now + decision.HopTimeout, sending);
                node.InFlight[to]++;
                _nodes[to].Coming++;
                Schedule(There, new FleetEvent(FleetEventKind.Hop, to, Send: send));
                Schedule(decision.HopTimeout, new FleetEvent(FleetEventKind.HopTimeout, node.Index, Send: send));
                break;
        }
    }

    private void Enqueue(FleetNode node, FleetRequest request, FleetSend? send)
    {
        // What is being computed is waited for.
        if (request.Key >= 0 && node.Flights.TryGetValue(request.Key, out List<FleetServer.Waiting>? flight))
        {
            flight.Add(new FleetServer.Waiting(request, send));
            return;
        }

        if (request.Key >= 0) node.Flights[request.Key] = [];
        node.Server.Enqueue(request, send, _now);
        StartBatch(node);
    }

    private void StartBatch(FleetNode node)
    {
        (int lane, long end) = node.Server.Start(_now, late => Drop(node, late));
        if (lane >= 0) ScheduleAt(end, new FleetEvent(FleetEventKind.BatchEnd, node.Index, lane, node.Boot));
    }

    private void EndBatch(FleetNode node, int lane, int boot)
    {
        if (node.Boot != boot || IsGone(node)) return;
        _finished.Clear();
        node.Server.Finish(lane, _now, _finished);
        foreach (FleetServer.Waiting done in _finished)
        {
            Answer(node, done);
            int key = done.Request.Key;
            if (key < 0) continue;
            node.Kept.Add(key);
            if (!node.Flights.Remove(key, out List<FleetServer.Waiting>? others)) continue;
            foreach (FleetServer.Waiting other in others) Answer(node, other);
        }

        StartBatch(node);
    }

    private void Answer(FleetNode node, in FleetServer.Waiting done)
    {
        if (done.Send is null) _result.Answer(done.Request, _now);
        else Answer(done.Send, HopOutcome.Answered, node.Report(_now));
    }

    private void Drop(FleetNode node, FleetServer.Waiting late)
    {
        if (late.Send is not { IsOver: true }) _result.Drop(late.Request);
        if (!node.Flights.Remove(late.Request.Key, out List<FleetServer.Waiting>? others) || others.Count == 0) return;

        // The next one is the one to compute it.
        FleetServer.Waiting next = others[0];
        others.RemoveAt(0);
        node.Flights[next.Request.Key] = others;
        node.Server.Enqueue(next.Request, next.Send, _now);
    }

    private void Answer(FleetSend send, HopOutcome outcome, LoadReport? report)
    {
        send.Outcome = outcome;
        send.Report = report;
        Schedule(Back, new FleetEvent(FleetEventKind.Back, send.From, Send: send));
    }

    private void Receive(FleetSend send)
    {
        FleetNode node = _nodes[send.To];
        node.Coming--;
        if (node.IsBlackHole) return;
        if (node.IsDown)
        {
            Answer(send, HopOutcome.ConnectionRefused, null);
            return;
        }

        if (node.Kept.Touch(send.Request.Key))
        {
            _result.Hit(send.Request);
            Answer(send, HopOutcome.Answered, node.Report(_now));
            return;
        }

        OverflowDecision decision = OverflowPolicy.Decide(node.Ask(send.Request, _now, isForwarded: true, send.Until - _now), [], 0, node.Random.Next());
        if (decision.Kind == OverflowKind.Forward) throw new InvalidOperationException("What was forwarded is forwarded again.");
        if (decision.Kind == OverflowKind.Local)
        {
            Enqueue(node, send.Request, send);
            return;
        }

        _result.Nack(send.Request);
        Answer(send, HopOutcome.Refused, node.Report(_now));
    }

    private void Return(FleetSend send)
    {
        FleetNode node = _nodes[send.From];
        if (node.IsDown || node.Boot != send.Boot || send.IsOver) return;
        send.IsOver = true;
        node.InFlight[send.To]--;
        if (send.Report is not null) node.Receive(send.To, send.Report, _now);
        if (send.Outcome == HopOutcome.Answered)
        {
            if (IsReal) send.Sending.Answer(node.Fleet, _now);
            else node.Fleet.Retries.Earn();
            if (_setup.HasAffinity) node.Near.Add(send.Request.Key);
            _result.Answer(send.Request, _now);
            return;
        }

        if (send.Outcome != HopOutcome.Refused) send.Request.HasFailed = true;
        if (IsReal && send.Outcome == HopOutcome.Refused) send.Sending.Refuse(_now);
        else if (IsReal) send.Sending.Fail(_now, send.Outcome == HopOutcome.ConnectionRefused, Fleet.MayEject(node.Fleet.Watched.Span));
        RouteAgain(send.Request);
    }

    private void TimeOut(FleetSend send)
    {
        FleetNode node = _nodes[send.From];
        if (node.IsDown || node.Boot != send.Boot || send.IsOver) return;
        send.IsOver = true;
        node.InFlight[send.To]--;
        if (IsReal) send.Sending.TimeOut(node.Fleet, _now, Fleet.MayEject(node.Fleet.Watched.Span));
        send.Request.HasFailed = true;
        _result.TimeOut(send.Request);
        RouteAgain(send.Request);
    }

    private void RouteAgain(FleetRequest request)
    {
        request.Attempt++;
        if (!_nodes[request.Door].IsBlackHole) Route(request);
    }

    private void Poll(FleetNode watcher, FleetNode other)
    {
        if (!watcher.IsDown && !other.IsDown && other.FrozenUntil <= _now) watcher.Receive(other.Index, other.Report(_now), _now);
    }

    // Faults.

    private void BeginFault(FleetFault fault, in FleetEvent begin)
    {
        FleetNode node = _nodes[fault.Node];
        switch (fault.Kind)
        {
            case FaultKind.Crash:
                Crash(node);
                node.IsInService = false;
                break;
            case FaultKind.Freeze:
                node.FrozenUntil = fault.Until;
                Schedule(_setup.DetectionTime, new FleetEvent(FleetEventKind.OutOfService, -1, node.Index));
                break;
            case FaultKind.BlackHole:
                node.IsBlackHole = true;
                Schedule(_setup.DetectionTime, new FleetEvent(FleetEventKind.OutOfService, -1, node.Index));
                break;
            case FaultKind.Slow:
                node.Server.Slowness = 10;
                break;
            case FaultKind.Restart:
                node.State = ReplicaState.Draining;
                foreach (FleetNode watcher in _nodes)
                {
                    if (watcher.Watches(node.Index)) watcher.Receive(node.Index, node.Report(_now), _now);
                }

                Schedule(DrainNotice, new FleetEvent(FleetEventKind.OutOfService, -1, node.Index));
                Schedule(DrainTime, begin with { Kind = FleetEventKind.FaultStep });
                break;
        }
    }

    private void EndFault(FleetFault fault)
    {
        FleetNode node = _nodes[fault.Node];
        switch (fault.Kind)
        {
            case FaultKind.Slow:
                node.Server.Slowness = 1;
                return;
            case FaultKind.BlackHole:
                Crash(node);
                break;
            case FaultKind.Restart:
                node.Server.Slowness = 1.5;
                break;
        }

        if (node.IsDown) node.Restart();
        node.IsDown = false;
        node.IsBlackHole = false;
        node.State = ReplicaState.Serving;
        if (fault.Kind == FaultKind.Restart)
        {
            node.IsInService = true;
            Schedule(ColdTime, new FleetEvent(FleetEventKind.InService, -1, node.Index));
            return;
        }

        Schedule(_setup.DetectionTime, new FleetEvent(FleetEventKind.InService, -1, node.Index));
    }

    /// <summary>What it holds is lost, and those that forwarded it see their connections end.</summary>
    private void Crash(FleetNode node)
    {
        node.IsDown = true;
        _finished.Clear();
        node.Server.Clear(_finished);
        node.Flights.Clear();
        foreach (FleetServer.Waiting lost in _finished)
        {
            if (lost.Send is { IsOver: false }) Answer(lost.Send, HopOutcome.Reset, null);
        }
    }
}
