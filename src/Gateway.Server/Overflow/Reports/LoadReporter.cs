using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Text;
using Gateway.Core.Models;
using Gateway.Core.Overflow.Reports;
using Gateway.Core.Scheduling;
using Gateway.Server.Hosting;

namespace Gateway.Server.Overflow.Reports;

/// <summary>Says how loaded this gateway is: of one model with an answer, of all when another gateway asks.</summary>
/// <remarks><b>Threading</b>: any. <b>Cost</b>: a report is a look at the queue under its lock; paid for by forwarded requests and by polls.</remarks>
internal sealed class LoadReporter(ModelCatalog catalog, ServerHealth health, GatewayIdentity identity, Watchers watchers)
{
    private readonly ConditionalWeakTable<ModelLayout, object> _signatures = [];

    /// <summary>Where gRPC is served; set once it is.</summary>
    public Uri? GrpcUri { get; set; }

    /// <summary>Who asks.</summary>
    public Watchers Watchers => watchers;

    /// <summary>Time in which those who watch this gateway hear what it reports: two questions of theirs.</summary>
    public TimeSpan NoticeTime => 2 * watchers.Period;

    /// <summary>Whether another gateway has lately asked how loaded this one is.</summary>
    public bool IsWatched => watchers.IsAny;

    public ReplicaState State => health.Phase switch
    {
        ServerPhase.Serving => ReplicaState.Serving,
        ServerPhase.Exiting => ReplicaState.Draining,
        _ => ReplicaState.Starting,
    };

    /// <summary>Of one model.</summary>
    public LoadReport Report(ServedModel model)
    {
        QueueForecast forecast = model.Batcher.Foresee();
        return new LoadReport(
            State,
            identity.NextSequence(),
            identity.Boot,
            forecast.IsFull ? uint.MaxValue : (uint)Math.Clamp(forecast.Completion.TotalMicroseconds, 0, uint.MaxValue - 1),
            (uint)Math.Clamp(forecast.Row.TotalNanoseconds, 0, uint.MaxValue),
            (ushort)Math.Min(forecast.Queued, ushort.MaxValue),
            (ushort)Math.Min(forecast.InService, ushort.MaxValue),
            (int)Math.Min(forecast.RowsPerSecond, int.MaxValue));
    }

    /// <summary>Of all models.</summary>
    public ServerReport ReportAll()
    {
        List<ModelReport> models = [];
        ModelStatus? before = null;
        foreach (ModelStatus status in catalog.Index.Where(status => status.Model is not null).Reverse())
        {
            // From the highest version of each down.
            models.Add(new ModelReport(status.Name, status.Version, status.Name != before?.Name, SignatureOf(status.Model!.Layout), Report(status.Model)));
            before = status;
        }

        return new ServerReport(identity.Instance, State, GrpcUri?.Port ?? 0, GrpcUri?.Scheme == Uri.UriSchemeHttps, models);
    }

    /// <summary>The signature of a model that is served here.</summary>
    public ulong SignatureOf(ModelLayout layout) => (ulong)_signatures.GetValue(layout, static layout => (object)Digest(layout));

    private static ulong Digest(ModelLayout layout)
    {
        StringBuilder text = new();
        foreach (TensorSpec tensor in layout.Inputs.Concat(layout.Outputs))
        {
            text.Append(tensor.Name).Append('\0').Append(tensor.DataType).Append('\0').Append(tensor.ClientDims).Append('\n');
        }

        return BinaryPrimitives.ReadUInt64LittleEndian(SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString())));
    }
}
