namespace Gateway.Core.Features.Lookups;

/// <summary>Waits for the rows of look-ups, and no longer than it may.</summary>
internal interface IRowsWaiter
{
    /// <summary>Whether it still waits for the rows of a look-up.</summary>
    /// <param name="ticket">Which: each look-up has another.</param>
    bool IsWaiting(long ticket);

    /// <summary>Has it do without the rows, unless they have come after all.</summary>
    void GiveUp(long ticket);
}
