using System.Globalization;
using System.Text;

namespace Gateway.Load.Tuning;

/// <summary>Settings of a model to try; null leaves what its configuration has.</summary>
/// <param name="QueueDelay">max_queue_delay_microseconds.</param>
/// <param name="MaxBatch">max_batch_size.</param>
/// <param name="Instances">Of the model.</param>
/// <param name="Threads">intra_op_thread_count.</param>
internal sealed record TuneSetting(int? QueueDelay, int? MaxBatch, int? Instances, int? Threads)
{
    private const string ThreadsKey = "intra_op_thread_count";
    private const string GroupKey = "instance_group";
    private const string BatchingKey = "dynamic_batching";
    private const string DelayKey = "max_queue_delay_microseconds";

    public override string ToString()
    {
        List<string> parts = [];
        if (QueueDelay is { } delay) parts.Add(string.Create(CultureInfo.InvariantCulture, $"delay {delay} µs"));
        if (MaxBatch is { } batch) parts.Add(string.Create(CultureInfo.InvariantCulture, $"batch {batch}"));
        if (Instances is { } instances) parts.Add(string.Create(CultureInfo.InvariantCulture, $"{instances} instance{(instances == 1 ? "" : "s")}"));
        if (Threads is { } threads) parts.Add(string.Create(CultureInfo.InvariantCulture, $"{threads} thread{(threads == 1 ? "" : "s")}"));
        return parts.Count > 0 ? string.Join(", ", parts) : "as it is";
    }

    /// <summary>The configuration with these settings.</summary>
    /// <exception cref="FormatException">It cannot be read.</exception>
    public string Apply(string config)
    {
        bool hasBatching = false;
        bool hasGroup = false;
        StringBuilder text = new(ConfigText.Edit(config, (name, field) => name switch
        {
            "max_batch_size" when MaxBatch is not null => "",
            "parameters" when Threads is not null && field.Contains(ThreadsKey, StringComparison.Ordinal) => "",

            // What else is in a block stays: other settings of batching, the device of a group.
            BatchingKey when QueueDelay is { } delay => Set(field, DelayKey, delay, ref hasBatching),
            GroupKey when Instances is { } instances => Set(field, "count", instances, ref hasGroup),
            _ => field,
        }).TrimEnd());
        text.Append('\n');
        if (MaxBatch is { } batch) text.Append(CultureInfo.InvariantCulture, $"max_batch_size: {batch}\n");
        if (QueueDelay is { } queueDelay && !hasBatching) text.Append(CultureInfo.InvariantCulture, $"{BatchingKey} {{\n  {DelayKey}: {queueDelay}\n}}\n");
        if (Instances is { } count && !hasGroup) text.Append(CultureInfo.InvariantCulture, $"{GroupKey} [\n  {{\n    kind: KIND_CPU\n    count: {count}\n  }}\n]\n");
        if (Threads is { } threads) text.Append(CultureInfo.InvariantCulture, $"parameters {{\n  key: \"{ThreadsKey}\"\n  value {{ string_value: \"{threads}\" }}\n}}\n");
        return text.ToString();
    }

    /// <summary>All combinations; an empty list stands for what the configuration has.</summary>
    public static IReadOnlyList<TuneSetting> All(IReadOnlyList<int> delays, IReadOnlyList<int> batches, IReadOnlyList<int> instances, IReadOnlyList<int> threads) =>
    [
        .. from delay in OrNone(delays)
           from batch in OrNone(batches)
           from instance in OrNone(instances)
           from thread in OrNone(threads)
           select new TuneSetting(delay, batch, instance, thread),
    ];

    /// <param name="isSet">Becomes true where the field holds a message; one that holds none is left out, for another to be written.</param>
    private static string Set(string field, string name, int value, ref bool isSet)
    {
        string edited = ConfigText.Set(field, name, value, out int count);
        isSet |= count > 0;
        return count > 0 ? edited : "";
    }

    private static IEnumerable<int?> OrNone(IReadOnlyList<int> values) => values.Count > 0 ? values.Select(value => (int?)value) : [null];
}
