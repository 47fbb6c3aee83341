using static Gateway.Core.Models.Configuration.Reading.BinderScalars;

namespace Gateway.Core.Models.Configuration.Reading;

/// <summary>Reads the <c>dynamic_batching</c> part of a configuration.</summary>
internal static class SchedulingBinder
{
    private const string Prefix = "dynamic_batching.";

    public static DynamicBatching? Bind(ConfigMessage? batching, ConfigErrors errors)
    {
        if (batching is null) return null;
        Dictionary<int, QueuePolicy> policies = [];
        foreach ((object key, ConfigMessage value) in batching.MessageMap("priority_queue_policy"))
        {
            string path = ConfigSource.Entry(Prefix + "priority_queue_policy", key);
            QueuePolicy policy = BindQueuePolicy(value, path + ".", errors);
            if ((ulong)key <= DynamicBatching.MaxPriorityLevels) policies.Add((int)(ulong)key, policy);
            else errors.Add(path, $"priority level {key} is beyond the most this server has, {DynamicBatching.MaxPriorityLevels}");
        }

        return new DynamicBatching
        {
            PreferredBatchSizes = [.. batching.All<long>("preferred_batch_size").Select(s => (int)s)],
            MaxQueueDelay = Microseconds(batching, "max_queue_delay_microseconds", Prefix, errors),
            PreserveOrdering = batching.Bool("preserve_ordering"),
            PriorityLevels = Count(batching, "priority_levels", Prefix, DynamicBatching.MaxPriorityLevels, errors),
            DefaultPriorityLevel = Count(batching, "default_priority_level", Prefix, DynamicBatching.MaxPriorityLevels, errors),
            DefaultQueuePolicy = batching.Message("default_queue_policy") is { } policyMessage
                ? BindQueuePolicy(policyMessage, Prefix + "default_queue_policy.", errors)
                : new QueuePolicy(),
            PriorityQueuePolicies = policies,
        };
    }

    private static QueuePolicy BindQueuePolicy(ConfigMessage policy, string prefix, ConfigErrors errors) => new()
    {
        TimeoutAction = (TimeoutAction)policy.Int("timeout_action"),
        DefaultTimeout = Microseconds(policy, "default_timeout_microseconds", prefix, errors),
        AllowTimeoutOverride = policy.Bool("allow_timeout_override"),
        MaxQueueSize = Count(policy, "max_queue_size", prefix, int.MaxValue, errors),
    };
}
