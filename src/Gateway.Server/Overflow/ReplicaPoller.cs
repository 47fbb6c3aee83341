using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Runtime.CompilerServices;
using Gateway.Core.Models;
using Gateway.Core.Overflow.Replicas;
using Gateway.Core.Overflow.Reports;
using Gateway.Server.Overflow.Forwarding;
using Gateway.Server.Overflow.Reports;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Gateway.Server.Overflow;

/// <summary>Asks each replica how loaded it is, again and again, each at times of its own, and has it warmed up when it is to get requests, and is cold or was thrown out.</summary>
/// <remarks>
/// <b>Behaviour</b>: what does not answer, or not sensibly, is no candidate once its last report is too old. It is said once that a replica is not there, and once that it is
/// again. <b>Threading</b>: a task a replica.
/// </remarks>
internal sealed partial class ReplicaPoller(Replicas replicas, ReplicaClients clients, ReplicaModels models, ReplicaWarmer warmer, LoadReporter reporter, GatewayIdentity identity, ModelCatalog catalog, OverflowSettings settings, ILogger<ReplicaPoller> logger)
    : IHostedService, IDisposable
{
    private const int MostProblems = 8;

    private readonly string _period = ((int)settings.PollPeriod.TotalMilliseconds).ToString(CultureInfo.InvariantCulture);
    private readonly CancellationTokenSource _stop = new();
    private readonly Dictionary<Replica, CancellationTokenSource> _polls = [];

    // It is asked several things in a row; and what has never reported has nothing to lose, but may have much to do until it can: a name, a handshake, code.
    private static readonly TimeSpan LongPatience = TimeSpan.FromSeconds(2);

    private readonly ConditionalWeakTable<Replica, ForeignServer> _foreign = [];
    private readonly Lock _lock = new();

    // Why replicas could last not be warmed up, which is said once; bounded by the replicas.
    private readonly ConcurrentDictionary<(Replica Replica, ReplicaTransport Transport), string> _cold = new();

    // Models of theirs that have the name of another here, of which that has been said; bounded by the models here.
    private readonly ConcurrentDictionary<(string Address, string Model), bool> _others = new();

    public Task StartAsync(CancellationToken cancellationToken)
    {
        replicas.Changed += Follow;
        replicas.Asked += AskNow;
        Follow();
        return Task.CompletedTask;
    }

    // Not yet: what is still on its way to replicas while the server stops is given up where they are not heard of any more.
    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public void Dispose()
    {
        replicas.Changed -= Follow;
        replicas.Asked -= AskNow;
        _stop.Cancel();
        _stop.Dispose();
        foreach (CancellationTokenSource poll in _polls.Values) poll.Dispose();
    }

    /// <summary>Polls those that are members now, and no others.</summary>
    private void Follow()
    {
        lock (_lock)
        {
            HashSet<Replica> members = [.. replicas.Fleet.Watched.ToArray()];
            foreach (Replica gone in _polls.Keys.Where(replica => !members.Contains(replica)).ToArray())
            {
                if (!_polls.Remove(gone, out CancellationTokenSource? poll)) continue;
                gone.IsAsked = false;
                poll.Cancel();
                poll.Dispose();
                _cold.TryRemove((gone, ReplicaTransport.Http), out _);
                _cold.TryRemove((gone, ReplicaTransport.Grpc), out _);
            }

            foreach (Replica replica in members.Where(replica => !_polls.ContainsKey(replica)))
            {
                CancellationTokenSource poll = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token);
                _polls[replica] = poll;
                replica.IsAsked = true;
                _ = PollAsync(replica, poll.Token);
            }
        }
    }

    private void AskNow(Replica replica)
    {
        // What is guessed of what is no gateway is as new as the last poll, and is guessed by one at a time.
        if (!replica.IsForeign) _ = AskAsync(replica, _stop.Token);
    }

    private async Task PollAsync(Replica replica, CancellationToken stop)
    {
        // What was last said of it, and why it is not there: each reason once, until it is there again.
        string? said = null;
        HashSet<string> problems = [];
        try
        {
            // Not all at the same times. The framework's clock: the engine's is made for a few timers.
            await Task.Delay(settings.PollPeriod * Random.Shared.NextDouble(), TimeProvider.System, stop).ConfigureAwait(false);
            using PeriodicTimer timer = new(settings.PollPeriod, TimeProvider.System);
            do
            {
                string? found = await AskAsync(replica, stop).ConfigureAwait(false);
                if (found is not null)
                {
                    said = null;
                    if (problems.Count < MostProblems && problems.Add(found) && !stop.IsCancellationRequested) Log.DoesNotReport(logger, replica.Address, found);
                    continue;
                }

                WarmUp(replica, stop);
                problems.Clear();
                string says = replica.IsSelf ? "this gateway itself, which gets nothing from itself" : replica.IsForeign ? $"{replica.State}, and is no gateway" : replica.State.ToString();
                if (says == said || stop.IsCancellationRequested) continue;
                said = says;
                Log.Reports(logger, replica.Address, says);
            }
            while (await timer.WaitForNextTickAsync(stop).ConfigureAwait(false));
        }
        catch (OperationCanceledException)
        {
            // It is no member any more, or the server stops.
        }
    }

    private void WarmUp(Replica replica, CancellationToken stop)
    {
        if (replica.IsSelf || replica.State != ReplicaState.Serving) return;
        WarmUp(replica, ReplicaTransport.Http, stop);
        if (replica.GrpcAddress is not null) WarmUp(replica, ReplicaTransport.Grpc, stop);
    }

    private void WarmUp(Replica replica, ReplicaTransport transport, CancellationToken stop)
    {
        if (replica.HealthOver(transport).TryBeginWarmUp(settings.Now(), out int epoch)) _ = WarmUpAsync(replica, transport, epoch, stop);
    }

    private async Task WarmUpAsync(Replica replica, ReplicaTransport transport, int epoch, CancellationToken stop)
    {
        string? problem = "it was not tried";
        try
        {
            problem = await warmer.WarmAsync(replica, transport, stop).ConfigureAwait(false);
        }
        finally
        {
            if (replica.HealthOver(transport).EndWarmUp(settings.Now(), epoch, problem is null))
            {
                _cold.TryRemove((replica, transport), out _);
                Log.Warm(logger, replica.Address, NameOf(transport));
            }
            else if (problem is not null && !stop.IsCancellationRequested && !(_cold.TryGetValue((replica, transport), out string? said) && said == problem))
            {
                _cold[(replica, transport)] = problem;
                Log.NotWarm(logger, replica.Address, NameOf(transport), problem);
            }
        }
    }

    private static string NameOf(ReplicaTransport transport) => transport == ReplicaTransport.Grpc ? "gRPC" : "HTTP";

    /// <returns>Null, or why there is no report.</returns>
    private async Task<string?> AskAsync(Replica replica, CancellationToken stop)
    {
        TimeSpan patience = replica.LastReportAt < 0 || replica.IsForeign ? LongPatience : settings.MaximumAge;
        try
        {
            using CancellationTokenSource late = CancellationTokenSource.CreateLinkedTokenSource(stop);

            // Whenever a server that is no gateway is asked what it serves, it is asked as well whether it is one by now.
            if (replica.IsForeign && _foreign.TryGetValue(replica, out ForeignServer? foreign) && !foreign.IsDue) return await AskForeignAsync(replica, late).ConfigureAwait(false);
            late.CancelAfter(patience);
            using HttpRequestMessage request = new(HttpMethod.Get, replica.Address.TrimEnd('/') + ServerReport.Path) { Version = HttpVersion.Version11 };
            request.Headers.Host = replica.Host;
            request.Headers.TryAddWithoutValidation(OverflowHeaders.Origin, identity.InstanceText);
            request.Headers.TryAddWithoutValidation(OverflowHeaders.PollPeriod, _period);
            if (settings.AccessToken is { } token) request.Headers.TryAddWithoutValidation("Authorization", $"Bearer {token}");
            long asked = settings.Now();
            using HttpResponseMessage response = await clients.For(isGrpc: false).SendAsync(request, late.Token).ConfigureAwait(false);
            if (IsNoGateway(response.StatusCode) || (replica.IsForeign && response.StatusCode != HttpStatusCode.OK)) return await AskForeignAsync(replica, late).ConfigureAwait(false);
            if (response.StatusCode != HttpStatusCode.OK) return $"it answers {(int)response.StatusCode}";
            await response.Content.LoadIntoBufferAsync(ServerReport.MostBytes, late.Token).ConfigureAwait(false);
            if (ServerReport.Read(await response.Content.ReadAsByteArrayAsync(late.Token).ConfigureAwait(false)) is not { } report) return "what it answers is no report";
            long now = settings.Now();
            replicas.NoteRoundTrip(now - asked);
            Receive(replica, report, now);
            return null;
        }
        catch (OperationCanceledException) when (!stop.IsCancellationRequested)
        {
            return $"no answer within {patience.TotalMilliseconds:0} ms";
        }
#pragma warning disable CA1031 // Whatever a replica brings about is why it gets nothing; it is asked again.
        catch (Exception error) when (error is not OperationCanceledException)
#pragma warning restore CA1031
        {
            return error.GetBaseException().Message;
        }
    }

    /// <summary>Whether a server does not know the question.</summary>
    private static bool IsNoGateway(HttpStatusCode status) => status is HttpStatusCode.NotFound or HttpStatusCode.MethodNotAllowed or HttpStatusCode.BadRequest or HttpStatusCode.NotImplemented;

    private async Task<string?> AskForeignAsync(Replica replica, CancellationTokenSource late)
    {
        late.CancelAfter(LongPatience);
        try
        {
            string? problem = await _foreign.GetValue(replica, _ => new ForeignServer(replica, models, catalog, settings, model => Differs(replica, model))).AskAsync(late.Token).ConfigureAwait(false);

            // It may be a gateway next time.
            if (problem is not null) replica.IsForeign = false;
            return problem;
        }
        catch
        {
            replica.IsForeign = false;
            throw;
        }
    }

    private void Receive(Replica replica, ServerReport report, long now)
    {
        replica.IsForeign = false;
        replica.IsSelf = report.Instance == identity.Instance;
        replica.State = report.State;
        replica.GrpcAddress = report.GrpcPort > 0 ? new UriBuilder(replica.Address) { Scheme = report.IsGrpcTls ? Uri.UriSchemeHttps : Uri.UriSchemeHttp, Port = report.GrpcPort }.Uri.ToString() : null;
        HashSet<ModelKey> models = [];
        foreach (ModelReport model in report.Models)
        {
            Receive(replica, new ModelKey(model.Name, model.Version), model, now, models);
            if (model.IsLatest) Receive(replica, new ModelKey(model.Name, 0), model, now, models);
        }

        replica.Keep(models);
    }

    private void Differs(Replica replica, string model)
    {
        if (_others.TryAdd((replica.Address, model), true)) Log.OtherModel(logger, replica.Address, model);
    }

    /// <summary>Takes over what is said of a version, or of what is asked for without one, unless the same here is another model.</summary>
    private void Receive(Replica replica, in ModelKey key, in ModelReport model, long now, HashSet<ModelKey> models)
    {
        bool isServedHere = catalog.TryFind(key.Name, key.Version, out ServedModel? here);
        if (isServedHere && reporter.SignatureOf(here!.Layout) != model.Signature)
        {
            Differs(replica, model.Name);
            return;
        }

        models.Add(key);
        replica.Receive(key, model.Load, now, isUncompared: !isServedHere);
    }

    private static partial class Log
    {
        [LoggerMessage(4603, LogLevel.Information, "Replica {Address} is warmed up over {Transport}: it gets requests", EventName = "ReplicaIsWarm")]
        public static partial void Warm(ILogger logger, string address, string transport);

        [LoggerMessage(4604, LogLevel.Warning, "Replica {Address} cannot be warmed up over {Transport}, so it gets nothing: {Problem}", EventName = "ReplicaIsNotWarm")]
        public static partial void NotWarm(ILogger logger, string address, string transport, string problem);

        [LoggerMessage(4600, LogLevel.Information, "Replica {Address} reports: {State}", EventName = "ReplicaReports")]
        public static partial void Reports(ILogger logger, string address, string state);

        [LoggerMessage(4601, LogLevel.Warning, "Replica {Address} does not report its load, so it gets nothing: {Problem}", EventName = "ReplicaDoesNotReport")]
        public static partial void DoesNotReport(ILogger logger, string address, string problem);

        [LoggerMessage(4602, LogLevel.Warning, "Replica {Address} serves another model of the name '{Model}', with other inputs or outputs: it gets no requests for it", EventName = "ReplicaModelDiffers")]
        public static partial void OtherModel(ILogger logger, string address, string model);
    }
}
