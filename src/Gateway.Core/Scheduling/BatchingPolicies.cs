using Gateway.Core.Models;
using Gateway.Core.Models.Configuration;
using Gateway.Protocol.Tensors;

namespace Gateway.Core.Scheduling;

/// <summary>Makes a model's batching policy from its configuration.</summary>
internal static class BatchingPolicies
{
    /// <param name="frequency">Timestamp ticks a second of the batcher's clock.</param>
    public static BatchingPolicy For(ModelLayout layout, GatewayModelConfig gateway, long frequency)
    {
        DynamicBatching? batching = layout.Config.DynamicBatching;
        int levels = Math.Max(1, batching?.PriorityLevels ?? 0);

        // "No preferred size" is written as the maximum alone: it asks for full batches, which is no reason to run sizes that the device does worse at.
        int[] preferred = [.. batching?.PreferredBatchSizes.Distinct().Order() ?? Enumerable.Empty<int>()];
        if (preferred is [int only] && only == layout.MaxBatchRows) preferred = [];

        BatchingPolicy policy = new()
        {
            MaxBatchRows = layout.MaxBatchRows,
            IsDynamic = layout.IsBatching && batching is not null,
            PreferredBatchSizes = preferred,
            AllowedBatchSizes = gateway.AllowedBatchSizes,
            MaxQueueDelay = Ticks(batching?.MaxQueueDelay ?? TimeSpan.Zero),
            PreservesOrdering = batching?.PreserveOrdering ?? false,
            PriorityLevels = levels,
            DefaultPriorityLevel = Math.Max(1, batching?.DefaultPriorityLevel ?? 1),
            QueuePolicies = [.. Enumerable.Range(1, levels).Select(level => Policy(batching, level))],
            // Strings of several batches are not put together.
            SplitsRows = !layout.Outputs.Any(output => output.DataType == DataType.Bytes),
            BisectsFailedBatches = gateway.BisectFailedBatches,
        };
        return policy with
        {
            MaxQueueRequests = gateway.MaxQueueRequests ?? policy.MaxQueueRequests,
            MaxQueueBytes = gateway.MaxQueueBytes ?? policy.MaxQueueBytes,
            Objective = Ticks(gateway.Objective ?? TimeSpan.Zero),
        };

        QueuePolicyTimes Policy(DynamicBatching? from, int level)
        {
            QueuePolicy of = from is null ? new QueuePolicy() : from.PriorityQueuePolicies.GetValueOrDefault(level, from.DefaultQueuePolicy);
            return new QueuePolicyTimes(Ticks(of.DefaultTimeout), of.AllowTimeoutOverride, of.TimeoutAction == TimeoutAction.Delay, of.MaxQueueSize);
        }

        long Ticks(TimeSpan span) => (long)(span.TotalSeconds * frequency);
    }
}
