using Gateway.Protocol.Frames;

namespace Gateway.Client.Frames;

/// <summary>A signal whose waiter goes to the end of the pool's common queue, behind the continuations of calls that were just answered: what they write goes out with it.</summary>
internal sealed class WakeSignal() : AutoSignal(goesOnElsewhere: false), IThreadPoolWorkItem
{
    /// <summary>As <see cref="AutoSignal.Set"/>, but the waiter goes on at once on this thread, until it waits again.</summary>
    public void SetInline()
    {
        if (TrySet()) Complete();
    }

    void IThreadPoolWorkItem.Execute() => Complete();

    protected override void Wake() => ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
}
