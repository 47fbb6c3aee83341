namespace Gateway.Core.Scheduling;

/// <summary>Decides whether a model's batches are run by the threads that bring its requests, and how much they may bring before they run it.</summary>
/// <remarks>
/// <b>Behaviour</b>: a batch of a light model takes less time than the kernel lets a thread run. With a thread of its own, such a model waits for a core while those that
/// bring requests read on, a few at each look, and what they bring is late by the time it has one. So an instance of a short model is called to its batch on the thread
/// pool, behind what was there before; a full batch is run by whoever brings its last row; and those who bring more are held back while <see cref="FullBatchesAhead"/> wait:
/// what lies unread in the meantime is read in fewer, larger pieces. <b>Threading</b>: any thread. <b>Cost</b>: a few reads.
/// </remarks>
internal sealed class ShortRuns(BatchingPolicy policy, TimeProvider time)
{
    // One that is run and one that is being filled.
    private const int FullBatchesAhead = 2;

    // A thread of the front door is held up for no longer: a time slice of the kernel, for which it would have to wait if the core were given to another.
    private static readonly TimeSpan Longest = TimeSpan.FromMilliseconds(4);

    // What a thread runs in a row, and what one runs that has requests to bring: answers leave, and requests are read, by threads of the same pool, behind all that each of
    // them does first. With sixteen connections that each ran a batch of 0.6 ms, answers were there in time and left 10 ms later.
    private static readonly TimeSpan LongestInARow = TimeSpan.FromMilliseconds(1);
    private static readonly TimeSpan LongestOfArrivals = TimeSpan.FromMilliseconds(0.25);

    private readonly long _longest = (long)(Longest.TotalSeconds * time.TimestampFrequency);
    private readonly long _longestOfArrivals = (long)(LongestOfArrivals.TotalSeconds * time.TimestampFrequency);

    /// <summary>Ticks after which a thread that runs full batches lets others have their turn.</summary>
    public long LongestTurn { get; } = (long)(LongestInARow.TotalSeconds * time.TimestampFrequency);

    /// <summary>Whether an instance's best batches are short, and any thread can run them.</summary>
    public bool Allows(ModelInstance instance) => IsWithin(instance, _longest);

    /// <summary>Whether they are so short that who brings a batch's last row may run it before bringing more.</summary>
    public bool AllowsArrivals(ModelInstance instance) => IsWithin(instance, _longestOfArrivals);

    private bool IsWithin(ModelInstance instance, long longest) =>
        instance.RunsAnywhere && policy.Estimate(policy.BestRows(instance.Latency), instance.Latency) is > 0 and long batch && instance.Latency.Shapes.Longest * batch <= longest;

    /// <summary>Whether a full batch of an instance's waits.</summary>
    public bool IsFull(RequestQueue queue, ModelInstance instance) => queue.Rows >= policy.BestRows(instance.Latency);

    /// <summary>Whether those who bring requests should bring no more: they are those who run them.</summary>
    /// <remarks>Not where it matters who waits, as what lies unread has neither priority nor tenant; nor where batches are meant to wait for company.</remarks>
    public bool IsBehind(RequestQueue queue, ModelInstance[] instances) =>
        instances.Length > 0 && queue.Rows >= FullBatchesAhead * instances.Length * policy.BestRows(instances[0].Latency)
        && policy.PriorityLevels == 1 && !policy.IsTritons && queue.Shares.Active <= 1 && Allows(instances[0]);
}
