using System.Globalization;
using Gateway.Core.Caching;
using Gateway.Core.Models;
using Gateway.Core.Overflow;
using Gateway.Core.Overflow.Affinity;
using Gateway.Core.Overflow.Replicas;
using Gateway.Core.Scheduling;
using Gateway.Core.Tenants;
using Gateway.Protocol;
using Gateway.Server.Hosting;
using Gateway.Server.Overflow.Forwarding;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Gateway.Server.Overflow;

/// <summary>Takes a request through its attempts, whatever protocol it came over: asks the policy, sends, and keeps the books.</summary>
/// <remarks><b>Threading</b>: any.</remarks>
internal sealed partial class OverflowDispatch(Replicas replicas, ReplicaForwarder forwarder, ModelCatalog catalog, ServerHealth health, GatewayIdentity identity, OverflowSettings settings, ILogger<OverflowDispatch> logger)
{
    // A hop that takes longer than this is one of a model that takes long.
    private static readonly TimeSpan LongestHop = TimeSpan.FromHours(1);
    private const double MostPatience = 3_600_000;

    // One that is to take longer than this is looked after on its way.
    private static readonly TimeSpan LongHop = TimeSpan.FromSeconds(1);

    // Half of what a line of a gigabit a second carries.
    private const int BytesPerMicrosecond = 50;

    // What was foreseen of the queue when the request came still holds, unless its body has taken its time.
    private const long FreshFor = 1000;

    /// <summary>What a client is told whose request nobody had time for, where no admission has said why.</summary>
    public static string Busy { get; } = RefusalReason.DeadlineBehindQueue.WireName()!;

    public OverflowCounts Counts { get; } = new();

    /// <summary>Whether a request of a model might be better off elsewhere: not while it cannot be late here, nor if it wants no run, unless its answers are kept by one gateway each.</summary>
    /// <param name="timeoutMicroseconds">The time that the client gives it, as far as is known; 0 for none.</param>
    /// <param name="use">What it says of the cache, as far as is known.</param>
    public bool MayLeave(ServedModel model, long timeoutMicroseconds, CacheUse use) => HasRing(model) || MayOverflow(model, timeoutMicroseconds, use);

    /// <summary>Likewise of one whose answer is nobody's to keep.</summary>
    public static bool MayOverflow(ServedModel model, long timeoutMicroseconds, CacheUse use) => (use & CacheUse.OnlyIfCached) == 0 && MayBeLate(model, timeoutMicroseconds);

    /// <summary>Likewise, before anything is known of what it says of the cache.</summary>
    public static bool MayBeLate(ServedModel model, long timeoutMicroseconds) => model.Batcher.MayBeLate(timeoutMicroseconds, OverflowPolicy.DeadlineMargin);

    /// <summary>Whether answers of a model are kept by one gateway each.</summary>
    public bool HasRing(ServedModel model) => RingOf(model, replicas.Fleet.Watched) is not null;

    /// <summary>What is to be decided about a request that has come.</summary>
    /// <param name="model">Null where it is not served here.</param>
    /// <param name="timeoutMicroseconds">The time that the client gives it from its arrival; 0 for none.</param>
    /// <param name="waited">Microseconds since then.</param>
    public OverflowQuestion Ask(ServedModel? model, long timeoutMicroseconds, long waited = 0)
    {
        if (model is null) return new OverflowQuestion(OverflowQuestion.Never, HasRoom: false, timeoutMicroseconds > 0 ? Math.Max(1, timeoutMicroseconds - waited) : OverflowQuestion.Never, 0, replicas.Hop);
        long left = model.Batcher.TimeLeft(timeoutMicroseconds, waited);
        QueueForecast forecast = model.Batcher.Foresee();
        return new OverflowQuestion(
            (long)forecast.Completion.TotalMicroseconds,
            HasRoom: !forecast.IsFull,
            left > 0 ? left : OverflowQuestion.Never,
            (long)forecast.Floor.TotalMicroseconds,
            replicas.Hop,
            IsServing: health.Phase != ServerPhase.Loading);
    }

    /// <summary>Begins with a request.</summary>
    /// <param name="waited">Microseconds since it came.</param>
    /// <param name="here">Who serves it here; null for nobody.</param>
    /// <param name="use">What it says of the cache, as far as is known.</param>
    /// <param name="isForGateways">Whether only gateways understand it: other servers do not get it.</param>
    /// <param name="isGenerated">Whether it is a generate call, whose answer is nobody's to keep.</param>
    public OverflowRun Begin(
        in ModelKey model, in OverflowQuestion question, long waited, ServedModel? here, CacheUse use, ReplicaTransport transport = ReplicaTransport.Http, bool isForGateways = false, bool isGenerated = false)
    {
        ReadOnlyMemory<Replica> watched = replicas.Fleet.Watched;
        long now = settings.Now();
        OverflowRun run = new(model, question, watched, now, now - waited, transport)
        {
            Ring = here is null || isGenerated ? null : RingOf(here, watched),
            Rows = isGenerated || here is { Layout.IsBatching: false } ? 1 : 0,
            HasCache = here?.CacheCounts is not null && (use & (CacheUse.Refresh | CacheUse.OnlyIfCached)) != CacheUse.Refresh,
        };
        for (int i = 0; isForGateways && i < watched.Length; i++)
        {
            if (watched.Span[i].IsForeign) run.Tried |= 1u << i;
        }

        return run;
    }

    /// <summary>Whether any replica serves a model.</summary>
    public bool IsServedElsewhere(in ModelKey model) => replicas.Fleet.Knows(model);

    /// <summary>Decides where it goes next.</summary>
    /// <param name="sending">Of a forward; <see cref="TryElsewhereAsync(OverflowRun, ForwardedCall, OverflowDecision, Sending, CancellationToken)"/> ends it.</param>
    public OverflowDecision Decide(OverflowRun run, out Sending sending)
    {
        long now = settings.Now();
        sending = default;
        if (run.LooksHereFirst) return new OverflowDecision(OverflowKind.Local);

        // Before the decision, or two that see the last token would both take it.
        bool hasToken = run.Sent == 0 || replicas.Fleet.Retries.TrySpend();
        if (run.Sent > 0 || run.IsRefusedHere || now - run.Asked > FreshFor)
        {
            long local = catalog.TryFind(run.Model.Name, run.Model.Version, out ServedModel? model) ? (long)model.Batcher.Foresee().Completion.TotalMicroseconds : OverflowQuestion.Never;
            run.Again(now, local, hasToken);
        }

        ulong random = (ulong)Random.Shared.NextInt64(long.MinValue, long.MaxValue);
        if (run.HasToLookHere && replicas.Fleet.WouldForward(run.Question, run.Model, run.Watched.Span, run.Tried, now, random, run.Transport))
        {
            run.LookHereFirst();
            return new OverflowDecision(OverflowKind.Local);
        }

        Span<int> order = stackalloc int[OverflowPolicy.MostCandidates];
        order = run is { Ring: { } ring, Place: { } place } ? order[..ring.Find(place, order)] : [];
        OverflowDecision decision = replicas.Fleet.Decide(run.Question, run.Model, run.Watched.Span, ref run.Tried, now, random, out sending, order, run.Transport);
        if (decision.Kind == OverflowKind.Forward)
        {
            run.Sent++;
            Counts.Count(decision.Kind);
            return decision;
        }

        if (run.Sent > 0 && hasToken) replicas.Fleet.Retries.GiveBack();
        if (decision.Kind == OverflowKind.Refuse && replicas.Fleet.Hurry(run.Watched.Span, now) is { } stale)
        {
            replicas.Ask(stale);
        }

        Counts.Count(decision.Kind);
        return decision;
    }

    /// <summary>Ticks of the engine's clock since a request came.</summary>
    public long Waited(OverflowRun run) => settings.Ticks(settings.Now() - run.Arrival);

    /// <summary>Whether a request's model is served here.</summary>
    public bool IsServedHere(OverflowRun run) => catalog.TryFind(run.Model.Name, run.Model.Version, out _);

    /// <summary>Decides where a request goes, and sends it from replica to replica until one has answered, or it is to be served here, or nobody has time for it.</summary>
    /// <returns>To be disposed.</returns>
    public Task<Elsewhere> TryElsewhereAsync(OverflowRun run, ForwardedCall call, CancellationToken aborted)
    {
        OverflowDecision decision = Decide(run, out Sending sending);
        return TryElsewhereAsync(run, call, decision, sending, aborted);
    }

    /// <param name="decision">The first one.</param>
    /// <param name="sending">Of it.</param>
    public async Task<Elsewhere> TryElsewhereAsync(OverflowRun run, ForwardedCall call, OverflowDecision decision, Sending sending, CancellationToken aborted)
    {
        while (decision.Kind == OverflowKind.Forward)
        {
            ForwardedAnswer answer = await ForwardAsync(run, call, decision, sending, aborted).ConfigureAwait(false);
            if (answer.Kind == ForwardedKind.Answered) return new Elsewhere(ElsewhereKind.Answered, answer, sending.Replica.Address);
            answer.Dispose();
            if (answer.Kind == ForwardedKind.Abandoned) return new Elsewhere(ElsewhereKind.Abandoned);
            decision = Decide(run, out sending);
        }

        // Also what the fleet cannot do in time: this gateway's own admission knows best what it can. But not what others keep: whoever computes that too, when they are busy, never finds an end of it.
        bool mayServe = !run.IsRefusedHere && (decision.Kind == OverflowKind.Local || run.Ring is null || run.Place is null);
        if (mayServe && catalog.TryFind(run.Model.Name, run.Model.Version, out ServedModel? model)) return new Elsewhere(ElsewhereKind.Here, Model: model);
        TimeSpan after = TimeSpan.FromMicroseconds(decision.RetryAfter);
        return new Elsewhere(ElsewhereKind.Refused, RetryAfter: run.RetryHere is { } here && here < after ? here : after);
    }

    /// <summary>Sends a request to the replica that was decided on.</summary>
    /// <returns>To be disposed.</returns>
    private async Task<ForwardedAnswer> ForwardAsync(OverflowRun run, ForwardedCall call, OverflowDecision decision, Sending sending, CancellationToken aborted)
    {
        Replica replica = sending.Replica;

        // Another gateway draws what it answers from the same tenant's rate.
        Tenant? payer = replica.IsForeign ? run.Tenant : null;
        if (payer is not null && run.Rows == 0) run.Rows = call.IsGrpc ? BodyRows.OfGrpc(call.Body.Span) : BodyRows.OfJson(call.Body.Span);
        payer?.DrawRows(run.Rows);
        long remaining = run.Remaining(settings.Now());

        // A large body takes its time on the way.
        long patience = Math.Min(remaining, decision.HopTimeout > LongestHop.TotalMicroseconds ? (long)LongestHop.TotalMicroseconds : decision.HopTimeout + (call.Body.Length / BytesPerMicrosecond));
        long start = settings.Now();
        long before = replica.Find(run.Model)?.Observed ?? 0;
        ForwardedAnswer answer;
        try
        {
            TimeSpan hop = TimeSpan.FromMicroseconds(Math.Max(1, Math.Min(patience, (long)LongestHop.TotalMicroseconds)));
            answer = hop <= LongHop
                ? await forwarder.SendAsync(call, replica, remaining, hop, aborted).ConfigureAwait(false)
                : await SendWatchedAsync(call, sending, remaining, hop, aborted).ConfigureAwait(false);
        }
        catch
        {
            payer?.GiveBackRows(run.Rows);
            sending.Abandon();
            throw;
        }

        if (answer.IsResult(call.IsGrpc)) payer?.CountAnswered(run.Rows);
        else payer?.GiveBackRows(run.Rows);
        long now = settings.Now();
        if (answer.Kind == ForwardedKind.Answered) Counts.NoteHop(now - start);
        if (replica.Find(run.Model) is { } queue)
        {
            if (answer.Load is { } load) queue.Receive(load, now);
            if (answer.Kind == ForwardedKind.Answered) queue.Observe(now - start);
            if (answer.Kind == ForwardedKind.TimedOut) queue.ObserveTimeOut(now - start);

            // What has no reports looks the idler the faster it refuses. Not what this gateway could not send, or take.
            if (answer is { Kind: ForwardedKind.Refused, Problem.Length: 0 } && replica.IsForeign) queue.ObserveRefusal(Math.Max(before, ForeignServer.FirstGuess));
        }

        bool mayEject = Fleet.MayEject(run.Watched.Span, run.Transport);
        switch (answer.Kind)
        {
            case ForwardedKind.Answered:
                sending.Answer(replicas.Fleet, now);
                break;
            case ForwardedKind.Refused:
                sending.Refuse(now);
                break;
            case ForwardedKind.TimedOut:
                sending.TimeOut(replicas.Fleet, now, mayEject);
                break;
            case ForwardedKind.Abandoned:
                sending.Abandon();
                break;
            default:
                sending.Fail(now, answer.Kind == ForwardedKind.Unreachable, mayEject);
                break;
        }

        if (answer.Problem.Length > 0) Log.Failed(logger, replica.Address, run.Model.Name, answer.Problem);
        return answer;
    }

    /// <summary>Sends a request that may take long, and gives it up when its replica is lost meanwhile.</summary>
    private async Task<ForwardedAnswer> SendWatchedAsync(ForwardedCall call, Sending sending, long remaining, TimeSpan hop, CancellationToken aborted)
    {
        using CancellationTokenSource lost = CancellationTokenSource.CreateLinkedTokenSource(aborted);
        Task<ForwardedAnswer> sent = forwarder.SendAsync(call, sending.Replica, remaining, hop, lost.Token);
        using (PeriodicTimer timer = new(settings.PollPeriod, TimeProvider.System))
        {
            Task<bool> tick = timer.WaitForNextTickAsync(CancellationToken.None).AsTask();
            while (await Task.WhenAny(sent, tick).ConfigureAwait(false) != sent && !sending.IsHopeless(replicas.Fleet, settings.Now())) tick = timer.WaitForNextTickAsync(CancellationToken.None).AsTask();
        }

        if (!sent.IsCompleted) await lost.CancelAsync().ConfigureAwait(false);
        ForwardedAnswer answer = await sent.ConfigureAwait(false);
        if (answer.Kind != ForwardedKind.Abandoned || aborted.IsCancellationRequested) return answer;
        answer.Kind = ForwardedKind.TimedOut;
        answer.Problem = "it was lost before it had answered";
        return answer;
    }

    /// <summary>Whether a request that another gateway has forwarded is served here.</summary>
    /// <param name="headers">The request's, which say who has.</param>
    /// <param name="text">For that gateway, of a refusal.</param>
    public bool TakesForwarded(ServedModel model, IHeaderDictionary headers, long timeoutMicroseconds, out string text, out TimeSpan retryAfter)
    {
        text = "";
        retryAfter = default;
        bool isSelf = headers[OverflowHeaders.Origin].ToString() == identity.InstanceText;
        bool isWarmUp = headers.ContainsKey(OverflowHeaders.WarmUp);
        OverflowDecision decision = default;
        if (!isSelf)
        {
            // The cache may have its answer; else it has no longer than the sender waits (PatienceOf).
            if (model.CacheCounts is not null && !isWarmUp) return Count(true);
            OverflowQuestion question = Ask(model, timeoutMicroseconds) with { IsForwarded = true, Patience = PatienceOf(headers) };
            decision = OverflowPolicy.Decide(question, [], 0, (ulong)Random.Shared.NextInt64());
            if (decision.Kind == OverflowKind.Local) return isWarmUp || Count(true);
        }

        text = isSelf ? "Request was forwarded to where it came from: a gateway is configured as its own replica" : "Request was forwarded, and would miss its deadline here too";
        retryAfter = TimeSpan.FromMicroseconds(decision.RetryAfter);
        return !isWarmUp && Count(false);
    }

    /// <summary>Microseconds for which the gateway that has forwarded a request waits; <see cref="OverflowQuestion.Never"/> where it does not say.</summary>
    public static long PatienceOf(IHeaderDictionary headers) =>
        double.TryParse(headers[OverflowHeaders.Patience].ToString(), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double milliseconds) && milliseconds is > 0 and < MostPatience
            ? (long)(milliseconds * 1000)
            : OverflowQuestion.Never;

    private HashRing? RingOf(ServedModel model, ReadOnlyMemory<Replica> watched) => model.HasAffinity ? replicas.Fleet.RingOf(watched) : null;

    private bool Count(bool isTaken)
    {
        Counts.CountForwarded(isTaken);
        return isTaken;
    }

    /// <summary>Notes down what should not have happened.</summary>
    public void Report(Exception error) => Log.Unexpected(logger, error);

    private static partial class Log
    {
        [LoggerMessage(4610, LogLevel.Debug, "Replica {Address} has not answered a request for '{Model}': {Problem}", EventName = "ForwardFailed")]
        public static partial void Failed(ILogger logger, string address, string model, string problem);

        [LoggerMessage(4611, LogLevel.Error, "A call that may be answered elsewhere failed unexpectedly.", EventName = "OverflowFailed")]
        public static partial void Unexpected(ILogger logger, Exception error);
    }
}
