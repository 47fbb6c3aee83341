using Gateway.Core.Models.Configuration.Reading;

namespace Gateway.Core.Models.Configuration;

/// <summary>Checks the dynamic batcher's settings.</summary>
internal static class SchedulingValidator
{
    private const string Path = "dynamic_batching";

    public static void Check(DynamicBatching batching, ModelConfig config, bool isMaxBatchSizeKnown, ConfigErrors errors)
    {
        for (int i = 0; i < batching.PreferredBatchSizes.Count; i++)
        {
            int size = batching.PreferredBatchSizes[i];
            string path = $"{Path}.preferred_batch_size[{i}]";
            if (size <= 0) errors.Add(path, $"dynamic batching preferred size must be positive for {config.Name}, got {size}");
            else if (isMaxBatchSizeKnown && size > config.MaxBatchSize) errors.Add(path, $"dynamic batching preferred size must be <= max batch size for {config.Name}: {size} > {config.MaxBatchSize}");
        }

        CheckPriorities(batching, config, errors);
        if (batching.PreserveOrdering) CheckOrdering(batching, config, errors);
    }

    private static void CheckPriorities(DynamicBatching batching, ModelConfig config, ConfigErrors errors)
    {
        int levels = batching.PriorityLevels;
        if (levels == 0)
        {
            // Triton leaves these unread without a word.
            if (batching.DefaultPriorityLevel != 0) errors.Add($"{Path}.default_priority_level", $"'default_priority_level' needs 'priority_levels' for {config.Name}");
            if (batching.PriorityQueuePolicies.Count > 0) errors.Add($"{Path}.priority_queue_policy", $"'priority_queue_policy' needs 'priority_levels' for {config.Name}");
            return;
        }

        if (batching.DefaultPriorityLevel < 1 || batching.DefaultPriorityLevel > levels)
        {
            errors.Add($"{Path}.default_priority_level", $"default priority level must be in range [1, {levels}] for {config.Name}");
        }

        foreach (int level in batching.PriorityQueuePolicies.Keys.Where(l => l < 1 || l > levels))
        {
            errors.Add(ConfigSource.Entry($"{Path}.priority_queue_policy", level), $"priority queue policy must have priority level in range [1, {levels}] for {config.Name}, got {level}");
        }
    }

    private static void CheckOrdering(DynamicBatching batching, ModelConfig config, ConfigErrors errors)
    {
        if (batching.PriorityLevels > 1)
        {
            errors.Add($"{Path}.preserve_ordering", $"Only one priority level is allowed when 'preserve_ordering' is true for {config.Name}");
        }

        IEnumerable<(QueuePolicy Policy, string At)> policies = batching.PriorityQueuePolicies
            .Select(p => (p.Value, ConfigSource.Entry($"{Path}.priority_queue_policy", p.Key)))
            .Prepend((batching.DefaultQueuePolicy, $"{Path}.default_queue_policy"));
        foreach ((QueuePolicy policy, string at) in policies)
        {
            if (policy.TimeoutAction == TimeoutAction.Delay && policy.DefaultTimeout > TimeSpan.Zero)
            {
                errors.Add($"{at}.timeout_action", $"Queue policy can not have DELAY as timeout action when 'preserve_ordering' is true for {config.Name}");
            }
        }
    }
}
