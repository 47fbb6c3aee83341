namespace Gateway.Core.Scheduling;

/// <summary>Somebody who brings requests and can wait.</summary>
public interface IHeldBack
{
    /// <summary>The list's own.</summary>
    IHeldBack? NextHeld { get; set; }

    /// <summary>Told, on any thread, that it is to go on.</summary>
    void GoOn();
}

/// <summary>Those who wait until less waits in a queue.</summary>
/// <remarks><b>Threading</b>: any thread, without a lock. <b>Cost</b>: no allocation.</remarks>
internal sealed class HeldBack
{
    private IHeldBack? _last;

    public bool IsEmpty => Volatile.Read(ref _last) is null;

    /// <summary>Takes note of one that is not in the list. A full fence.</summary>
    public void Add(IHeldBack reader)
    {
        IHeldBack? last = Volatile.Read(ref _last);
        IHeldBack? seen;
        do
        {
            seen = last;
            reader.NextHeld = seen;
        }
        while ((last = Interlocked.CompareExchange(ref _last, reader, seen)) != seen);
    }

    /// <summary>Has all go on, the last first.</summary>
    public void LetGo()
    {
        for (IHeldBack? reader = Interlocked.Exchange(ref _last, null); reader is not null;)
        {
            // Once told it may be back in the list.
            IHeldBack? next = reader.NextHeld;
            reader.NextHeld = null;
            reader.GoOn();
            reader = next;
        }
    }
}
