namespace Gateway.Core.Scheduling;

/// <summary>What the thread that brings a request may run itself, with its model's instance lent to it.</summary>
public enum RunsHere
{
    /// <summary>Nothing: it is in the middle of something.</summary>
    None,

    /// <summary>Full batches: it has more to bring, which would only wait behind them.</summary>
    FullBatches,

    /// <summary>Lone requests too: it has nothing else to bring at present.</summary>
    Any,
}
