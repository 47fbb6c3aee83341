namespace Gateway.Core.Execution.Devices;

/// <summary>Lets one batch at a time into a stage of a device, in the order in which they come.</summary>
/// <remarks>
/// <b>Behaviour</b>: first come, first served, which a lock is not: with it a batch that has run could wait for its download behind any number of younger ones.
/// The same gate may stand for several stages of a device on which only one thing may be done at a time.
/// <b>Threading</b>: any. Not to be entered twice by one thread. <b>Cost</b>: a short lock; waiters spin for a moment, then sleep.
/// </remarks>
public sealed class StageGate
{
    // Yields of the core before sleeping, some tens of microseconds: what a stage of a light model takes, and less than being woken costs.
    private const int Spins = 60;

    private readonly object _lock = new();
    private long _nextTicket;
    private long _serving;

    /// <summary>Waits for its turn; whoever enters must <see cref="Exit"/>.</summary>
    public void Enter()
    {
        long ticket;
        lock (_lock) ticket = _nextTicket++;
        SpinWait spinner = default;
        for (int i = 0; i < Spins; i++)
        {
            if (Volatile.Read(ref _serving) == ticket) return;
            spinner.SpinOnce(sleep1Threshold: -1);
        }

        lock (_lock)
        {
            while (ticket != _serving) Monitor.Wait(_lock);
        }
    }

    public void Exit()
    {
        lock (_lock)
        {
            Volatile.Write(ref _serving, _serving + 1);
            if (_serving != _nextTicket) Monitor.PulseAll(_lock);
        }
    }

    /// <summary>Enters for the length of a <c>using</c>.</summary>
    public Pass Hold()
    {
        Enter();
        return new Pass(this);
    }

    public readonly ref struct Pass(StageGate gate)
    {
        public void Dispose() => gate.Exit();
    }
}
