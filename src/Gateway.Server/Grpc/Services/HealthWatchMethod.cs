using Gateway.Core.Models;
using Gateway.Server.Grpc.Messages.Health;
using Gateway.Server.Grpc.Wire;
using Gateway.Server.Hosting;
using Microsoft.Extensions.Logging;
using ServingStatus = Gateway.Server.Grpc.Messages.Health.HealthCheckResponse.Types.ServingStatus;

namespace Gateway.Server.Grpc.Services;

/// <summary>Tells a client the status at once, and then whenever it is another, until the client leaves or the server stops.</summary>
internal sealed class HealthWatchMethod(ModelCatalog catalog, ServerHealth health, GrpcStop stop, ILogger logger) : GuardedMethod($"/{HealthMethods.Service}/Watch", logger)
{
    // Nothing tells of changes. Probes ask every few seconds; a look costs a microsecond.
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(500);

    protected override async Task InvokeAsync(GrpcCall call)
    {
        HealthCheckRequest request = await GrpcMessages.ReadAsync(call, HealthCheckRequest.Parser).ConfigureAwait(false) ?? throw GrpcMessages.Incomplete();
        call.Begin();
        using CancellationTokenSource end = CancellationTokenSource.CreateLinkedTokenSource(call.Aborted, stop.Token);
        if (call.TimeLeft is { } left) end.CancelAfter(left);
        ServingStatus told = ServingStatus.Unknown;
        bool wasModel = false;
        while (!end.IsCancellationRequested)
        {
            ServingStatus now = HealthMethods.Look(catalog, health, request.Service, out bool isModel);
            if (wasModel && !isModel) now = ServingStatus.ServiceUnknown;
            wasModel |= isModel;
            if (now != told)
            {
                told = now;
                await GrpcMessages.SendAsync(call, new HealthCheckResponse { Status = now }).ConfigureAwait(false);
            }

            // Not awaited with the token alone, which would throw at every end.
            await Task.Delay(Pause, TimeProvider.System, end.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        if (!stop.Token.IsCancellationRequested && !call.Aborted.IsCancellationRequested) throw CallTimer.TimeOver();
        if (stop.Token.IsCancellationRequested) GrpcMessages.Write(call, new HealthCheckResponse { Status = ServingStatus.NotServing });
        call.Fail(GrpcStatus.Unavailable, GrpcStop.Text);
    }
}
