namespace Gateway.Core.Scheduling;

/// <summary>Decides when a request is run on the thread that brought it, instead of waking the instance's own.</summary>
/// <remarks>
/// <b>Behaviour</b>: waking a sleeping thread, and being woken by it, takes longer than a light model's run; and when requests come one at a time there is
/// nothing that could have come along meanwhile. So short runs stay on the arrival's thread once <see cref="Period"/> batches in a row were lone. A thread that
/// runs a model brings no other request, so such runs cannot see whether they are still alone: every <see cref="Period"/>th goes to the instance's thread
/// to find out, and the first batch that is not lone ends it. <b>Threading</b>: under the batcher's lock.
/// </remarks>
internal sealed class LoneRuns(TimeProvider time)
{
    /// <summary>Lone batches before the first run on an arrival's thread, and from one that is not to the next.</summary>
    public const int Period = 32;

    // As long as the two wake-ups that are saved, several times over; a thread of the front door is not held up for longer than by a large body.
    private static readonly TimeSpan LongestRun = TimeSpan.FromMicroseconds(200);

    private readonly long _longestTicks = (long)(LongestRun.TotalSeconds * time.TimestampFrequency);
    private int _streak;

    /// <param name="estimate">Expected ticks of the run; 0 when nothing is known.</param>
    public bool Allows(long estimate) => estimate > 0 && estimate <= _longestTicks && _streak is >= Period and < (2 * Period) - 1;

    /// <summary>A batch was taken, or ended.</summary>
    /// <param name="isLone">Whether it was one request, called for, with nothing waiting beside or after it.</param>
    public void Saw(bool isLone) => _streak = !isLone ? 0 : _streak == (2 * Period) - 1 ? Period : _streak + 1;
}
